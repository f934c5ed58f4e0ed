"""Does `multichannel replay` decide what the stories and the naive reference say, whatever the order of the input?"""

from __future__ import annotations

import io
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, cast
from unittest import mock

import fastavro
import pytest

from processors.cli import main
from processors.cli.exits import EXIT_INTERRUPTED, EXIT_INVALID
from processors.codec import encode, read_json
from processors.contract import contract
from processors.core.conclusions import NextStepCode
from processors.core.events import Event
from processors.words.vocabulary import vocabularies
from processors.words.worded import Label
from tests.reference.coverage import policy_of
from tests.reference.histories import history, refused
from tests.reference.instants import read_instant
from tests.reference.oracle import canonical_replay
from tests.reference.versions import Policy

STORIES = sorted((Path(__file__).parents[1] / "stories").glob("*.md"))
COMMAND = Path(sys.executable).parent / "multichannel"
LICENCE = STORIES[3]  # 04-csp-licence-waits-for-term-end


@dataclass(frozen=True)
class Done:
    """What a run of the command left."""

    returncode: int
    stdout: bytes
    stderr: str


def replay(*args: object, stdin: bytes = b"", environment: dict[str, str] | None = None) -> Done:
    """The whole command line in this process: a process of its own for each of sixty runs would take a minute of starting up."""
    printed = io.BytesIO()
    out, err = io.TextIOWrapper(printed, "utf-8"), io.StringIO()
    standard_input = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    with (
        mock.patch.object(sys, "stdin", standard_input),
        mock.patch.dict(os.environ, environment or {}),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(["replay", *map(str, args)])
    out.flush()
    return Done(cast("int", ended.value.code), printed.getvalue(), err.getvalue())


def process(*args: object, **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([str(COMMAND), "replay", *map(str, args)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)


def decided(*args: object, stdin: bytes = b"") -> list[dict[str, Any]]:
    done = replay(*args, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def events_of(stories: Iterable[Path]) -> list[str]:
    return [line for story in stories for line in lines_of(story.with_suffix(".events.jsonl"))]


def until_of(story: Path) -> str:
    found = re.search(r"--until (\S+)", story.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def written(folder: Path, lines: Iterable[str], name: str = "events.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def container(path: Path, topic: str, events: Iterable[Event]) -> Path:
    """A container file, written by the library from our own bytes of each event."""
    schema: Any = contract().schema(topic).json
    head = 10  # marker and fingerprint of the single-object encoding
    records = [cast("Any", fastavro.schemaless_reader(io.BytesIO(encode(topic, event)[head:]), schema, None)) for event in events]
    with path.open("wb") as file:
        fastavro.writer(file, schema, records)
    return path


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_a_story_is_told_byte_for_byte_and_whole(story: Path) -> None:
    done = replay(story.with_suffix(".events.jsonl"), "--until", until_of(story))
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    expected = lines_of(story.with_suffix(".expected.jsonl"))
    shown = [json.dumps({name: decision[name] for name in json.loads(line)}) for decision, line in zip(told, expected, strict=True)]
    assert shown == expected
    assert told == canonical_replay([json.loads(line) for line in events_of([story])], read_instant(until_of(story)))


def test_the_order_of_lines_and_files_changes_nothing(tmp_path: Path) -> None:
    lines = events_of(STORIES)
    in_order = replay(*(story.with_suffix(".events.jsonl") for story in STORIES)).stdout
    random.Random(7).shuffle(lines)
    middle = len(lines) // 2
    shuffled = replay(written(tmp_path, lines[:middle], "a.jsonl"), written(tmp_path, lines[middle:], "b.jsonl"))
    assert shuffled.returncode == 0
    assert len(in_order.splitlines()) > 300
    assert shuffled.stdout == in_order


@pytest.mark.parametrize("seeds", [range(start, start + 10) for start in range(0, 60, 10)], ids=str)
def test_generated_histories_are_decided_as_the_naive_reference_decides_them(tmp_path: Path, seeds: range) -> None:
    for seed in seeds:
        case = history(seed)
        options = [] if case.until is None else ["--until", case.until]
        options += [] if case.licence_transfer_from is None else ["--licence-transfer-from", case.licence_transfer_from]
        file = written(tmp_path, map(json.dumps, case.events))
        until = None if case.until is None else read_instant(case.until)
        assert decided(file, *options) == canonical_replay(case.events, until, policy_of(case.licence_transfer_from)), case.name


@pytest.mark.parametrize("seed", range(40))
def test_a_generated_event_that_the_door_refuses_stops_the_run(tmp_path: Path, seed: int) -> None:
    done = replay(LICENCE.with_suffix(".events.jsonl"), written(tmp_path, [json.dumps(refused(seed))]))
    assert (done.returncode, done.stdout) == (EXIT_INVALID, b"")
    assert "events.jsonl:1: INVALID: " in done.stderr


def test_an_impostor_of_an_event_beyond_the_end_is_dropped_with_it(tmp_path: Path) -> None:
    purchase = json.loads(events_of([LICENCE])[0])
    later = {**purchase, "value": {**purchase["value"], "occurred_at": "2030-01-01T00:00:00Z"}}
    other = {**purchase, "value": {**purchase["value"], "subscription_id": "another"}}
    lines = [json.dumps(later), json.dumps(purchase), json.dumps(other)]
    assert decided(written(tmp_path, lines), "--until", "2023-01-01T00:00:00Z") == []
    first = replay(written(tmp_path, lines[1:]), environment={"MULTICHANNEL_SUBSCRIPTIONS_PER_CUSTOMER_MAX": "1"})
    assert first.returncode == 0  # the impostor is no event, so its subscription does not count


def test_without_until_the_last_event_is_the_end(tmp_path: Path) -> None:
    file = written(tmp_path, events_of([LICENCE]))
    last = max(json.loads(line)["value"]["occurred_at"] for line in lines_of(file))
    assert decided(file) == decided(file, "--until", last)
    assert len(decided(file)) < len(decided(file, "--until", until_of(LICENCE)))


def test_a_review_in_the_input_moves_the_end(tmp_path: Path) -> None:
    customer = json.loads(events_of([LICENCE])[0])["value"]["customer_tenant_id"]
    value = {"event_id": "0d3c6b1e-0000-4000-8000-000000000001", "occurred_at": "2023-10-01T00:00:00Z", "customer_tenant_id": customer}
    review = json.dumps({"topic": "review-due", "value": {**value, "cause": "TIME"}})
    told = decided(written(tmp_path, [*events_of([LICENCE]), review]))
    assert told == decided(LICENCE.with_suffix(".events.jsonl"), "--until", "2023-10-01T00:00:00Z")


def test_standard_input_is_read_like_a_file() -> None:
    file = LICENCE.with_suffix(".events.jsonl")
    assert decided("-", stdin=file.read_bytes()) == decided(file)


def test_an_avro_container_file_is_read_like_lines(tmp_path: Path) -> None:
    by_topic: dict[str, list[Event]] = {}
    for line in events_of([LICENCE]):
        told = json.loads(line)
        by_topic.setdefault(told["topic"], []).append(cast("Event", read_json(told["topic"], told["value"])))
    files = [container(tmp_path / f"{topic}.avro", topic, events) for topic, events in by_topic.items()]
    assert decided(*files) == decided(LICENCE.with_suffix(".events.jsonl"))
    assert decided("-", stdin=files[0].read_bytes()) == decided(files[0])


def test_the_place_of_a_record_is_in_its_cause(tmp_path: Path) -> None:
    first = json.dumps({**json.loads(events_of([LICENCE])[0]), "partition": 3, "offset": 41})
    again = json.dumps({**json.loads(first), "partition": 3, "offset": 99})
    cause = decided(written(tmp_path, [first, again]))[0]["caused_by"]
    assert (cause["topic"], cause["partition"], cause["offset"]) == ("subscription-purchased", 3, 41)


def test_one_customer_is_decided_as_among_all(tmp_path: Path) -> None:
    file = written(tmp_path, events_of(STORIES[:6]))
    customer = json.loads(events_of([LICENCE])[0])["value"]["customer_tenant_id"]
    among_all = [decision for decision in decided(file) if decision["customer_tenant_id"] == customer]
    assert among_all
    assert decided(file, "--customer", customer.upper()) == among_all


def test_a_customer_that_no_event_names_is_said() -> None:
    done = replay(LICENCE.with_suffix(".events.jsonl"), "--customer", "nobody")
    assert (done.returncode, done.stdout) == (0, b"")
    assert "no event names customer 'nobody'" in done.stderr


@pytest.mark.parametrize("switch", ["off", "2024-04-10T00:00:00Z", "2024-06-19T02:00:00+02:00"])
def test_the_start_of_licence_transfers_can_be_moved_or_switched_off(switch: str) -> None:
    story = next(story for story in STORIES if story.stem.startswith("57"))
    events = [json.loads(line) for line in events_of([story])]
    policy = Policy(None if switch == "off" else read_instant(switch))
    until = until_of(story)
    told = decided(story.with_suffix(".events.jsonl"), "--until", until, "--licence-transfer-from", switch)
    assert told == canonical_replay(events, read_instant(until), policy)
    assert told != decided(story.with_suffix(".events.jsonl"), "--until", until)


def damaged(change: dict[str, Any]) -> str:
    told = json.loads(events_of([LICENCE])[1])
    told["value"].update(change)
    return json.dumps(told)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (damaged({"occurred_at": "2022-13-05T09:00:00Z"}), "occurred_at: expected an instant"),
        (damaged({"partner_tenant_id": None}), "partner_tenant_id: must be told"),
        (damaged({"mca_accepted": "yes"}), "mca_accepted: expected true or false"),
        (damaged({"duration": "P9Y"}), "duration: expected an ISO 8601 duration from P1D to P2Y"),
        ('{"topic": "consent-grantet", "value": {}}', "did you mean 'consent-granted'?"),
        ('{"topic": "consent-granted"', "is not JSON"),
        ("[]", "expected an object"),
        (json.dumps({"topic": "cancellation", "value": {"reason": "x" * 5_000_000}}), "TOO_LARGE"),
    ],
    ids=lambda text: str(text)[-40:],
)
def test_an_invalid_line_stops_before_anything_is_decided(tmp_path: Path, line: str, complaint: str) -> None:
    sound = events_of([LICENCE])
    file = written(tmp_path, [*sound[:3], line, *sound[3:]])
    done = replay(LICENCE.with_suffix(".events.jsonl"), file)
    assert (done.returncode, done.stdout) == (EXIT_INVALID, b"")
    assert f"{file}:4: " in done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_is_none_is_warned_of_once_with_the_nearest(tmp_path: Path) -> None:
    lines = [damaged({"granted_by_rol": 1, "event_id": f"0d3c6b1e-0000-4000-8000-00000000000{n}"}) for n in range(3)]
    done = replay(written(tmp_path, [*events_of([LICENCE]), *lines]))
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr.count("granted_by_rol'") == 1
    assert "did you mean 'granted_by_role'?" in done.stderr


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl"),
        ([], "FILE"),
        ([LICENCE, "--until", "tomorrow"], "instant"),
        ([LICENCE, "--licence-transfer-from", "never"], "instant"),
        ([LICENCE, "--language", "de"], "cs (čeština)"),
        ([LICENCE, "--format", "xml"], "jsonl"),
        (["-", "-"], "standard input"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(args: list[object], complaint: str) -> None:
    done = replay(*args)
    assert (done.returncode, done.stdout) == (EXIT_INVALID, b"")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("setting", "limit"), [("SUBSCRIPTIONS", "1"), ("PARTNERS", "1"), ("PAIRS", "3")])
def test_a_customer_over_a_limit_of_the_door_is_refused(tmp_path: Path, setting: str, limit: str) -> None:
    file = written(tmp_path, events_of(STORIES))
    done = replay(file, environment={f"MULTICHANNEL_{setting}_PER_CUSTOMER_MAX": limit})
    assert (done.returncode, done.stdout) == (EXIT_INVALID, b"")
    assert "TOO_LARGE" in done.stderr
    assert re.search(r"events\.jsonl:\d+: ", done.stderr)


@pytest.mark.parametrize("tag", sorted(vocabularies()))
def test_a_table_is_in_the_language_asked_for(tag: str) -> None:
    words = vocabularies()[tag]
    done = replay(LICENCE.with_suffix(".events.jsonl"), "--format", "table", "--language", tag)
    assert (done.returncode, done.stderr) == (0, "")
    shown = " ".join(done.stdout.decode().split())
    decisions = decided(LICENCE.with_suffix(".events.jsonl"))
    assert shown.count(words.text(Label.AS_OF)) >= len(decisions)
    assert words.text(NextStepCode.WAIT_FOR_TERM_END) in shown
    assert all(decision["decision_id"] in shown for decision in decisions)


def test_a_process_of_its_own_prints_the_same() -> None:
    files = [story.with_suffix(".events.jsonl") for story in STORIES]
    with process(*files) as running:
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    assert out.encode() == replay(*files).stdout


def test_letters_that_the_locale_lacks_are_escaped() -> None:
    file = LICENCE.with_suffix(".events.jsonl")
    with process(file, "--format", "table", "--language", "zh", env={**os.environ, "PYTHONIOENCODING": "ascii"}) as running:
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    assert out.isascii()
    assert "\\u8ba2\\u9605" in out


@pytest.mark.parametrize("form", ["jsonl", "table"])
def test_who_reads_may_go_at_any_time(tmp_path: Path, form: str) -> None:
    file = written(tmp_path, events_of(STORIES))
    with process(file, "--format", form) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.read(1)
        running.stdout.close()
        assert running.wait(60) == 128 + signal.SIGPIPE
        assert running.stderr.read() == ""


def test_an_interruption_ends_with_130_and_one_line(tmp_path: Path) -> None:
    with process(written(tmp_path, events_of(STORIES))) as running:
        assert running.stderr is not None and running.stdout is not None
        assert running.stdout.read(1)  # it has begun, and the pipe holds less than all it has to say
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == EXIT_INTERRUPTED
        assert running.stderr.read().strip() == "multichannel: interrupted"


@pytest.mark.parametrize("args", [(), ("--format", "table")])
def test_a_bar_stands_on_stderr_only_and_only_on_a_terminal(args: tuple[str, ...]) -> None:
    file = LICENCE.with_suffix(".events.jsonl")
    ours, theirs = pty.openpty()
    with subprocess.Popen([str(COMMAND), "replay", str(file), *args], stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        shown = Thread(target=lambda: bars.append(read_terminal(ours)))
        bars: list[bytes] = []
        shown.start()
        assert running.stdout is not None
        assert running.stdout.read() == replay(file, *args).stdout
        assert running.wait(60) == 0
        shown.join(60)
    assert b"reading" in bars[0]


def read_terminal(end: int) -> bytes:
    """All that is written on a terminal until the last writer has closed it, which Linux says with EIO."""
    found = b""
    with open(end, "rb", buffering=0) as terminal, suppress(OSError):
        while some := terminal.read(4096):
            found += some
    return found


def test_no_events_are_no_decisions(tmp_path: Path) -> None:
    assert decided(written(tmp_path, [])) == []
