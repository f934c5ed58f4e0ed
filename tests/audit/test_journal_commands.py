"""Do explain and what-if read what a real worker wrote on a real broker, and say the same from Kafka as from a file?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from processors.audit.entries import DECISIONS, JOURNAL, Record, entries_of
from processors.codec import decode_decision, view
from processors.codec.instants import write_instant
from processors.core.decisions import Cause
from processors.core.replay import canonical_replay
from processors.topology.wiring import policy_of
from tests.audit.writing import Written

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("audit")]
COMMAND = Path(sys.executable).parent / "multichannel"


def run(written: Written, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": ",".join(written.settings.kafka_bootstrap_servers),
        "MULTICHANNEL_TOPIC_PREFIX": written.settings.topic_prefix,
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.run([str(COMMAND), *words], env=environment, capture_output=True, timeout=200, check=False)


def file_of(written: Written, folder: Path, *topics: str) -> Path:
    """What `multichannel consume` would print of these topics."""
    file = folder / "journal.jsonl"
    file.write_text("".join(f"{json.dumps(line_of(record))}\n" for topic in topics for record in written.records[topic]), "utf-8")
    return file


def line_of(record: Record) -> dict[str, object]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": None if record.timestamp is None else write_instant(record.timestamp),
        "key": None if record.key is None else record.key.decode(),
        "value": view(record.topic, record.value),
    }


def busiest(written: Written) -> str:
    """The customer with the most entries."""
    [(customer, _)] = Counter(entry.told.customer_tenant_id for entry in entries_of(written.records[JOURNAL])).most_common(1)
    return customer


def test_a_customer_of_the_journal_is_explained_from_kafka_and_from_a_file_alike(written: Written, tmp_path: Path) -> None:
    customer = busiest(written)
    done = run(written, "explain", customer, "--format", "json")
    assert (done.returncode, done.stderr) == (0, b"")
    story = json.loads(done.stdout)
    entries = [entry for entry in entries_of(written.records[JOURNAL]) if entry.told.customer_tenant_id == customer]
    assert [(known["topic"], known["partition"], known["offset"], known["disposition"]) for known in story["known"]] == [
        (entry.told.topic, entry.told.partition, entry.told.offset, entry.told.disposition.value) for entry in entries
    ]
    assert [known["decision_ids"] for known in story["known"]] == [list(entry.told.decision_ids) for entry in entries]
    last = {}
    for record in written.records[DECISIONS]:
        decision = decode_decision(record.value)
        if decision.customer_tenant_id == customer:
            last[decision.subscription_id, decision.partner_tenant_id] = decision.decision_id
    assert {answer["decision"]["decision_id"] for answer in story["answers"]} == set(last.values())
    assert all(answer["reproduced"] and answer["in_force"] for answer in story["answers"])
    for topics in ((JOURNAL, DECISIONS), (JOURNAL,)):
        file = file_of(written, tmp_path, *topics)
        assert run(written, "explain", customer, "--format", "json", "--from", str(file)).stdout == done.stdout
    text = run(written, "explain", customer, "--language", "cs")
    assert (text.returncode, text.stderr) == (0, b"")
    assert f"Zákazník: {customer}" in text.stdout.decode()


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_what_export_wrote_is_read_as_the_journal_that_it_was(written: Written, tmp_path: Path, file_format: str) -> None:
    customer, folder = busiest(written), tmp_path / "exported"
    assert run(written, "export", str(folder), "--format", file_format).returncode == 0
    for words in (("explain", customer), ("what-if", "--without", "2023-10a", "--format", "jsonl", "--customer", customer)):
        from_kafka, from_folder = run(written, *words), run(written, *words, "--from", str(folder))
        assert from_kafka.stdout
        assert (from_folder.returncode, from_folder.stdout, from_folder.stderr) == (from_kafka.returncode, from_kafka.stdout, b"")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"records": ', '"records": 1'), "utf-8")
    refused = run(written, "explain", customer, "--from", str(folder))
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert f"{manifest}: is no manifest of an export: sha256:" in refused.stderr.decode()


def test_an_unknown_customer_of_the_journal_is_said_with_the_nearest(written: Written) -> None:
    customer = busiest(written)
    done = run(written, "explain", customer[:-1] + ("0" if customer[-1] != "0" else "1"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"did you mean {customer!r}?" in done.stderr.decode()


@pytest.mark.parametrize("words", [("explain", "c"), ("what-if", "--without", "2024-Q2")])
def test_the_topics_are_those_with_the_prefix_asked_for(written: Written, words: tuple[str, ...]) -> None:
    done = run(written, *words, "--topic-prefix", "none-")
    assert (done.returncode, done.stdout) == (69, b"")
    assert done.stderr.decode() == "multichannel: the broker has no topic none-customer-journal\n"


def test_other_settings_than_those_of_the_journal_are_said(written: Written) -> None:
    """A journal of a worker with 2024-Q2, explained where the version begins earlier: what was published counts, and is marked."""
    marked = 0
    for customer in sorted({entry.told.customer_tenant_id for entry in entries_of(written.records[JOURNAL])})[:12]:
        done = run(written, "explain", customer, "--format", "json", "--licence-transfer-from", "2021-01-01T00:00:00Z")
        assert done.returncode == 0, done.stderr
        marked += sum(not answer["reproduced"] for answer in json.loads(done.stdout)["answers"])
        if marked:
            return
    raise AssertionError("none of the customers has licences that could be transferred then")


def test_what_if_over_the_journal_compares_what_replay_decides(written: Written, tmp_path: Path) -> None:
    done = run(written, "what-if", "--move", "2023-10a=2022-01-01T00:00:00Z", "--format", "jsonl")
    assert (done.returncode, done.stderr) == (1, b"")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    summary = lines[-1]
    events = [(entry.event, Cause(entry.event.event_id, entry.told.topic)) for entry in entries_of(written.records[JOURNAL])]
    assert summary["customers"] == len({event.customer_tenant_id for event, _ in events})
    assert summary["decisions"]["actual"] == sum(1 for _ in canonical_replay(events, policy_of(written.settings)))
    assert summary["at_end"]["number"] == sum(line.get("when") == "at_end" for line in lines)
    assert summary["over_time"]["number"] > 0
    file = file_of(written, tmp_path, JOURNAL)
    assert (
        run(written, "what-if", "--move", "2023-10a=2022-01-01T00:00:00Z", "--format", "jsonl", "--from", str(file)).stdout == done.stdout
    )
    same = run(written, "what-if", "--move", "2023-10a=2023-10-09T00:00:00Z")
    assert (same.returncode, same.stderr) == (0, b"")
    assert b"no difference" in same.stdout
