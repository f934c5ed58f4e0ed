"""Does `multichannel what-if` say what would differ, exactly, and what is wrong with the question?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, EXIT_OK, EXIT_UNAVAILABLE
from tests.audit.telling import STORIES, file_of
from tests.conftest import Ended

COMMAND = Path(sys.executable).parent / "multichannel"
FILE = file_of("57")
OTHER = file_of("48")
CUSTOMER = "2b172ae6-fb11-53b9-8c91-e69b1b208802"
PARTNER = "f9f0bb59-f785-5e41-9912-bfcde80a6191"
SUBSCRIPTION = "08084dfa-0523-5315-88bb-3486e62deddb"
Run = Callable[..., Ended]


def lines(done: Ended) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["line"] for each in found] == ["difference"] * (len(found) - 1) + ["summary"]
    return found[:-1], found[-1]


def ask(run: Run, *words: str, file: Path = FILE) -> Ended:
    return run("what-if", "--from", str(file), "--until", "2024-07-01T00:00:00Z", *words)


def test_the_matrix_the_first_instant_and_each_difference_are_told(multichannel: Run) -> None:
    """Without 2024-Q2 the four answers that B5 leaves open on 2024-06-01 go on being refused by B10."""
    done = ask(multichannel, "--without", "2024-Q2", "--format", "jsonl")
    assert (done.code, done.stderr) == (EXIT_DIFFERENCES, "")
    differences, summary = lines(done)
    assert summary["first_difference"] == "2024-06-01T00:00:00Z"
    wanted = {"number": 4, "customers": 1, "changes": [{"from": "FACTS_INCOMPLETE", "to": "SWITCH_REFUSED", "number": 4, "customers": 1}]}
    assert summary["at_end"] == summary["over_time"] == wanted
    assert (summary["events"], summary["customers"], summary["answers"]) == (6, 1, 6)
    assert summary["decisions"] == {"actual": 18, "other": 14}
    assert [version["name"] for version in summary["policy"]["other"]["versions"]][-1] == "2023-10a"
    assert summary["policy"]["actual"]["fingerprint"] != summary["policy"]["other"]["fingerprint"]
    assert [each["when"] for each in differences] == ["over_time"] * 4 + ["at_end"] * 4
    for each in differences:
        assert set(each) == {
            *("line", "when", "since", "customer_tenant_id", "subscription_id", "partner_tenant_id"),
            *("differing", "actual", "other"),
        }
        assert (each["actual"]["rule"], each["other"]["rule"]) == ("B5", "B10")
        assert "outcome" in each["differing"] and "billing_owner" not in each["differing"]


def test_the_table_says_the_same(multichannel: Run) -> None:
    done = ask(multichannel, "--without", "2024-Q2")
    assert done.code == EXIT_DIFFERENCES
    assert "at the end 4 of 6 answers differ, of 1 customer\n" in done.stdout
    assert "over time  4 differences, of 1 customer\n" in done.stdout
    assert "FACTS_INCOMPLETE -> SWITCH_REFUSED          4          1\n" in done.stdout
    assert done.stdout.count("row B5 of 2024-Q2 -> row B10 of 2022-03b") == 4


@pytest.mark.parametrize(
    "words",
    [
        ("--move", "2024-Q2=2024-06-01T00:00:00Z"),
        ("--licence-transfer-from", "2024-06-01T00:00:00Z"),
        ("--move", "2020-09b=2020-10-01T00:00:00Z"),
        ("--without", "2024-Q2", "--until", "2024-05-31T23:59:59.999999Z"),
    ],
)
def test_without_a_difference_it_ends_with_0(multichannel: Run, words: tuple[str, ...]) -> None:
    done = multichannel("what-if", "--from", str(FILE), *words)
    assert (done.code, done.stderr) == (EXIT_OK, "")
    assert "result     no difference\n" in done.stdout
    _, summary = lines(multichannel("what-if", "--from", str(FILE), *words, "--format", "jsonl"))
    assert summary["first_difference"] is None
    assert summary["at_end"] == summary["over_time"] == {"number": 0, "customers": 0, "changes": []}


def test_switching_a_version_off_and_leaving_it_out_are_the_same(multichannel: Run) -> None:
    off = ask(multichannel, "--licence-transfer-from", "off", "--format", "jsonl")
    assert off == ask(multichannel, "--without", "2024-Q2", "--format", "jsonl")


def test_the_settings_say_what_it_is_compared_with(multichannel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_LICENCE_TRANSFER_FROM", "off")
    assert ask(multichannel, "--licence-transfer-from", "off").code == EXIT_OK
    assert ask(multichannel, "--licence-transfer-from", "2024-06-01T00:00:00Z").code == EXIT_DIFFERENCES


def test_customers_can_be_chosen(multichannel: Run) -> None:
    both = multichannel("what-if", "--from", str(FILE), "--from", str(OTHER), "--without", "2024-Q2", "--format", "jsonl")
    assert lines(both)[1]["at_end"]["customers"] == 2
    one = multichannel(
        *("what-if", "--from", str(FILE), "--from", str(OTHER), "--without", "2024-Q2"),
        *("--customer", CUSTOMER.upper(), "--format", "jsonl"),
    )
    assert lines(one)[1]["at_end"]["customers"] == 1
    assert {each["customer_tenant_id"] for each in lines(one)[0]} == {CUSTOMER}


REVOKED: dict[str, Any] = {
    "topic": "cancellation",
    "value": {
        "occurred_at": "2023-08-01T09:00:00Z",
        "customer_tenant_id": CUSTOMER,
        "source_system": "me",
        "evidence_level": "INFERRED",
        "kind": "CONSENT_REVOKED",
        "cancellation_status": "COMPLETED",
        "initiated_by": "CUSTOMER",
        "partner_tenant_id": PARTNER,
    },
}


def changed(**values: object) -> str:
    return json.dumps({**REVOKED, "value": {**REVOKED["value"], **values}})


def test_an_event_that_is_supposed_takes_its_place_by_its_own_time(multichannel: Run, tmp_path: Path) -> None:
    """Table B: with the consent revoked, support needs permissions again; the headline of the refused switch stays."""
    done = ask(multichannel, "--event", json.dumps(REVOKED), "--format", "jsonl")
    differences, summary = lines(done)
    assert summary["first_difference"] == "2023-08-01T09:00:00Z"
    at_end = [each for each in differences if each["when"] == "at_end"]
    assert {each["partner_tenant_id"] for each in at_end} == {PARTNER}
    assert {(each["actual"]["support_access"], each["other"]["support_access"]) for each in at_end} == {("AUTHORIZED", "CONSENT_REQUIRED")}
    file = tmp_path / "supposed.jsonl"
    file.write_text(json.dumps(REVOKED) + "\n\n", "utf-8")
    assert ask(multichannel, "--event", str(file), "--format", "jsonl") == done


def test_an_event_after_the_last_one_moves_the_end_of_both_sides(multichannel: Run) -> None:
    """What if this came in 2025? Both sides are decided until then, so the version of 2024 is no difference."""
    done = multichannel("what-if", "--from", str(FILE), "--event", changed(occurred_at="2025-01-01T00:00:00Z"), "--format", "jsonl")
    differences, summary = lines(done)
    assert (summary["until"], summary["first_difference"]) == ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
    assert {each["partner_tenant_id"] for each in differences} == {PARTNER}


def test_a_customer_that_only_the_supposed_event_names_is_compared_too(multichannel: Run) -> None:
    purchase = json.loads(FILE.read_text("utf-8").splitlines()[0])
    purchase["value"] |= {"customer_tenant_id": "new", "event_id": None}
    differences, _ = lines(ask(multichannel, "--event", json.dumps(purchase), "--format", "jsonl"))
    assert {(each["customer_tenant_id"], each["actual"]) for each in differences} == {("new", None)}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "nothing is to be other than it is"),
        (("--without", "2024-Q1"), "there is no version '2024-Q1'; did you mean '2024-Q2'?"),
        (("--without", "2020-06"), "is the first one"),
        (("--move", "2024-Q2"), "is nothing like 2024-Q2=2024-04-01T00:00:00Z"),
        (("--move", "2024-Q2=soon"), "'soon' is no instant"),
        (("--move", "2024-Q2=2019-01-01T00:00:00Z"), "must not begin before the first one"),
        (("--as-under", "2025"), "there is no version '2025'"),
        (("--licence-transfer-from", "2019-01-01T00:00:00Z"), "must not begin before the first one"),
        (("--draft", "nowhere.toml"), "nowhere.toml"),
        (("--event", "nowhere.jsonl"), "--event nowhere.jsonl: No such file"),
        (("--event", '{"topic": "cancellation"'), "--event: INVALID: is not JSON"),
        (
            ("--event", '{"topic": "cancelation", "value": {}}'),
            "--event: INVALID: topic: 'cancelation' is no topic; did you mean",
        ),
        (("--event", changed(kind=None)), "--event: INVALID: kind: must be told"),
        (("--event", changed(occurred_at="2030-01-01T00:00:00Z")), "occurred_at 2030-01-01T00:00:00Z is later than --until"),
        (("--event", changed(), "--event", changed()), "is that of an event that is there"),
        (("--event", changed(), "--customer", "other"), f"--event: customer_tenant_id {CUSTOMER} is none that --customer names"),
        (("--without", "2024-Q2", "--customer", CUSTOMER[:-1]), f"no customer {CUSTOMER[:-1]!r} is known; did you mean {CUSTOMER!r}?"),
        (("--licence-transfer-from", "of"), "'of' is neither an instant like 2024-05-31T23:59:59Z nor off"),
        (("--event", "-", "--from", "-"), "standard input (-) can be read once only"),
        (("--format", "xml", "--without", "2024-Q2"), "table"),
    ],
)
def test_wrong_usage_and_invalid_input_end_with_2(multichannel: Run, words: tuple[str, ...], complaint: str) -> None:
    done = ask(multichannel, *words)
    assert (done.code, done.stdout) == (EXIT_INVALID, "")
    assert complaint in done.stderr


def test_a_name_in_a_supposed_event_that_no_record_has_is_said(multichannel: Run) -> None:
    done = ask(multichannel, "--event", changed(effective_form="2024-01-01T00:00:00Z"))
    assert done.code == EXIT_DIFFERENCES
    assert "--event: cancellation: field 'effective_form' is not known and is ignored; did you mean 'effective_at'?" in done.stderr


def test_a_customer_that_only_a_supposed_event_names_can_be_chosen(multichannel: Run) -> None:
    purchase = json.loads(FILE.read_text("utf-8").splitlines()[0])
    purchase["value"] |= {"customer_tenant_id": "new", "event_id": None}
    done = ask(multichannel, "--event", json.dumps(purchase), "--customer", "New", "--format", "jsonl")
    assert lines(done)[1]["customers"] == 1


def test_an_event_that_is_there_cannot_be_supposed(multichannel: Run) -> None:
    done = ask(multichannel, "--event", FILE.read_text("utf-8").splitlines()[0])
    assert (done.code, done.stdout) == (EXIT_INVALID, "")
    assert "is that of an event that is there, so it would change nothing" in done.stderr


def test_a_draft_is_read_and_a_broken_one_is_said_with_its_rows(multichannel: Run, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text('[[version]]\nname = "none"\neffective_from = 2024-06-01T00:00:00Z\nchanges.licence_transfer = false\n', "utf-8")
    done = ask(multichannel, "--draft", str(draft), "--format", "jsonl")
    assert (done.code, lines(done)[1]["at_end"]["number"]) == (EXIT_DIFFERENCES, 4)
    draft.write_bytes(b"\xff")
    assert "is not UTF-8 at byte 0" in ask(multichannel, "--draft", str(draft)).stderr
    draft.write_text('[[version]]\nname = "none"\nchanges.licence_transfr = false\n', "utf-8")
    broken = ask(multichannel, "--draft", str(draft))
    assert (broken.code, broken.stdout) == (EXIT_INVALID, "")
    assert f"{draft}: version 1 ('none').effective_from: must be told" in broken.stderr
    assert "did you mean 'licence_transfer'?" in broken.stderr


def test_no_events_are_no_difference(multichannel: Run, tmp_path: Path) -> None:
    empty = tmp_path / "events.jsonl"
    empty.write_text("", "utf-8")
    done = multichannel("what-if", "--from", str(empty), "--without", "2024-Q2")
    assert done.code == EXIT_OK
    assert "compared   0 events of 0 customers" in done.stdout


def test_without_a_broker_it_says_so(multichannel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    done = multichannel("what-if", "--without", "2024-Q2")
    assert (done.code, done.stdout) == (EXIT_UNAVAILABLE, "")


def test_more_differences_than_a_person_reads_are_counted(multichannel: Run) -> None:
    files = [word for path in sorted(STORIES.glob("*.events.jsonl")) for word in ("--from", str(path))]
    done = multichannel("what-if", *files, "--as-under", "2020-06")
    assert done.code == EXIT_DIFFERENCES
    *_, last = done.stdout.splitlines()
    assert "more: --format jsonl shows all of them" in last
    first = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("first "))
    shown = [line[:20] for line in done.stdout.splitlines() if line.startswith("20")]
    assert len(shown) == 50 and shown == sorted(shown) and shown[0] == first[:20]


def test_who_reads_may_go_at_any_time() -> None:
    files = [word for path in sorted(STORIES.glob("*.events.jsonl")) for word in ("--from", str(path))]
    pipe = subprocess.PIPE
    words = [str(COMMAND), "what-if", *files, "--as-under", "2020-06", "--format", "jsonl"]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.read(1)
        running.stdout.close()
        assert running.wait(60) == 128 + signal.SIGPIPE
        assert running.stderr.read() == ""


def test_a_supposed_event_is_read_from_standard_input() -> None:
    words = [str(COMMAND), "what-if", "--from", str(FILE), "--event", "-"]
    done = subprocess.run(words, input=json.dumps(REVOKED).encode(), capture_output=True, timeout=60, check=False, env={**os.environ})
    assert (done.returncode, done.stderr) == (EXIT_DIFFERENCES, b"")
