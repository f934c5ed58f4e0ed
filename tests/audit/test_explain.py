"""Does `multichannel explain` answer a support agent, and say in one line what is wrong with the question?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processors.cli.exits import EXIT_INTERRUPTED, EXIT_INVALID, EXIT_SETTINGS, EXIT_UNAVAILABLE
from tests.audit.telling import NAMES, STORIES, file_of
from tests.conftest import Ended

COMMAND = Path(sys.executable).parent / "multichannel"
FILE = file_of("04")
CUSTOMER = "c16d7113-e342-5c5b-a618-3fac67419c21"
SUBSCRIPTION = "aadd1e6a-9b4d-5fe4-841f-0590c9496434"
PARTNER = "2c007b98-5d04-51b5-af64-3dc224519c1a"
Run = Callable[..., Ended]


def explained(run: Run, *words: str) -> dict[str, Any]:
    done = run("explain", CUSTOMER, "--from", str(FILE), "--format", "json", *words)
    assert (done.code, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def test_the_answers_in_force_are_those_that_replay_ends_with(multichannel: Run) -> None:
    replayed = [json.loads(line) for line in multichannel("replay", str(FILE), "--until", "2023-10-01T00:00:00Z").stdout.splitlines()]
    last = {(each["subscription_id"], each["partner_tenant_id"]): each for each in replayed}
    told = explained(multichannel, "--until", "2023-10-01T00:00:00Z")
    assert [answer["decision"] for answer in told["answers"]] == [last[pair] for pair in sorted(last, key=lambda pair: pair[1] or "")]
    assert [known["event"]["event_id"] for known in told["known"] if known["event"]]


def test_a_subscription_a_partner_and_a_decision_can_be_chosen_in_any_letter_case(multichannel: Run) -> None:
    [answer] = explained(multichannel, "--partner", PARTNER.upper(), "--subscription", SUBSCRIPTION.upper())["answers"]
    assert (answer["decision"]["partner_tenant_id"], answer["in_force"]) == (PARTNER, True)
    [earlier] = explained(multichannel, "--decision", answer["earlier"][0]["decision_id"].upper())["answers"]
    assert not earlier["in_force"]
    assert earlier["replaced_by"] == (answer["earlier"] + [answer["decision"]])[1]["decision_id"]
    [anyone] = explained(multichannel, "--partner", "-")["answers"]
    assert anyone["decision"]["partner_tenant_id"] is None


def test_the_licence_transfer_date_is_as_in_replay(multichannel: Run) -> None:
    until = ("--until", "2022-12-01T00:00:00Z", "--partner", PARTNER)
    [refused] = explained(multichannel, *until)["answers"]
    [available] = explained(multichannel, *until, "--licence-transfer-from", "2022-11-01T00:00:00Z")["answers"]
    assert (refused["decision"]["outcome"], available["decision"]["outcome"]) == ("SWITCH_REFUSED", "TRANSFER_AVAILABLE")


@pytest.mark.parametrize("language", ["cs", "zh"])
def test_the_text_is_in_the_language_asked_for(multichannel: Run, language: str) -> None:
    done = multichannel("explain", CUSTOMER, "--from", str(FILE), "--language", language)
    assert (done.code, done.stderr) == (0, "")
    assert {"cs": "Co bylo sděleno", "zh": "已告知的内容"}[language] in done.stdout


def test_several_files_are_read_as_one(multichannel: Run, tmp_path: Path) -> None:
    lines = FILE.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(lines[3:]), "utf-8")
    (tmp_path / "b.jsonl").write_text("".join(lines[:3]), "utf-8")
    halves = multichannel("explain", CUSTOMER, "--from", str(tmp_path / "a.jsonl"), "--from", str(tmp_path / "b.jsonl"))
    assert halves.stdout == multichannel("explain", CUSTOMER, "--from", str(FILE)).stdout != ""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((CUSTOMER[:8],), f"no customer {CUSTOMER[:8]!r} is known; did you mean {CUSTOMER!r}?"),
        ((CUSTOMER[:-1] + "2",), f"did you mean {CUSTOMER!r}?"),
        (("somebody",), "no customer 'somebody' is known"),
        (("",), "no customer '' is known"),
        ((CUSTOMER, "--subscription", SUBSCRIPTION[:-2]), f"did you mean {SUBSCRIPTION!r}?"),
        ((CUSTOMER, "--partner", "p"), f"no partner 'p' is known of customer {CUSTOMER}"),
        ((CUSTOMER, "--decision", "d"), f"no decision 'd' is known of customer {CUSTOMER}"),
        ((CUSTOMER, "--subscription", "s"), f"no subscription 's' is known of customer {CUSTOMER}; there is {SUBSCRIPTION}"),
        ((CUSTOMER, "--until", "1999-01-01T00:00:00Z"), f"--until: nothing of customer {CUSTOMER} had occurred by then"),
    ],
)
def test_an_id_that_is_not_known_is_said_in_one_line_with_the_nearest(multichannel: Run, words: tuple[str, ...], complaint: str) -> None:
    done = multichannel("explain", *words, "--from", str(FILE))
    assert (done.code, done.stdout) == (EXIT_INVALID, "")
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr


def test_a_journal_that_is_told_twice_counts_once_and_one_with_a_gap_is_refused(multichannel: Run, released: Path, tmp_path: Path) -> None:
    whole = max((released / "customer-journal").iterdir(), key=lambda path: path.stat().st_size)
    lines = whole.read_text("utf-8").splitlines(keepends=True)
    [(customer, _)] = Counter(json.loads(line)["key"] for line in lines).most_common(1)
    mine = [line for line in lines if json.loads(line)["key"] == customer]
    done = multichannel("explain", customer, "--from", str(whole))
    assert (done.code, done.stderr) == (0, "")
    assert multichannel("explain", customer, "--from", str(whole), "--from", str(whole)) == done
    gap = tmp_path / "gap.jsonl"
    gap.write_text("".join((mine[0], *mine[2:])), "utf-8")
    refused = multichannel("explain", customer, "--from", str(gap))
    assert (refused.code, refused.stdout) == (EXIT_INVALID, "")
    assert f"{gap}:2: entry 3 of the customer, expected 2: the journal is not whole" in refused.stderr
    altered = json.loads(mine[1])
    altered["value"]["disposition"] = "STALE_IGNORED"
    gap.write_text(json.dumps({**altered, "value_base64": None}) + "\n", "utf-8")
    other = multichannel("explain", customer, "--from", str(whole), "--from", str(gap))
    assert (other.code, other.stdout) == (EXIT_INVALID, "")
    assert f"{gap}:1: entry 2 of the customer is another one at {whole}:" in other.stderr


def test_a_decision_of_another_partner_is_not_that_of_the_partner_asked_for(multichannel: Run) -> None:
    [answer] = explained(multichannel, "--partner", "-")["answers"]
    done = multichannel("explain", CUSTOMER, "--from", str(FILE), "--partner", PARTNER, "--decision", answer["decision"]["decision_id"])
    assert (done.code, done.stdout) == (EXIT_INVALID, "")


def line_of_a_journal() -> str:
    return (Path(__file__).parents[2] / "examples" / "outputs" / "customer-journal.jsonl").read_text("utf-8").splitlines()[0] + "\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no customer"),
        ("\n\n", "no customer"),
        ("nonsense\n", ":1: INVALID: is not JSON"),
        ('{"topic": "cancellation", "value": {}}\n', ":1: INVALID: "),
        ('{"topic": "customer-journal", "value": {}}\n', ":1: "),
        ('{"topic": "customer-journal", "partition": 0, "offset": 1, "value": {"sequence": "x"}}\n', ":1: "),
        ("[1]\n", ":1: INVALID: "),
    ],
)
def test_a_file_that_holds_no_story_is_said_in_one_line(multichannel: Run, tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(content, "utf-8")
    done = multichannel("explain", CUSTOMER, "--from", str(file))
    assert (done.code, done.stdout) == (EXIT_INVALID, "")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_journal_and_events_are_not_read_together(multichannel: Run, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(line_of_a_journal(), "utf-8")
    done = multichannel("explain", CUSTOMER, "--from", str(FILE), "--from", str(journal))
    assert (done.code, done.stdout) == (EXIT_INVALID, "")
    assert "cannot be read together" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "CUSTOMER"),
        ((CUSTOMER, "--from", "nowhere.jsonl"), "nowhere.jsonl"),
        ((CUSTOMER, "--from", str(FILE), "--language", "de"), "cs (čeština)"),
        ((CUSTOMER, "--from", str(FILE), "--format", "xml"), "text"),
        ((CUSTOMER, "--from", str(FILE), "--until", "tomorrow"), "instant"),
        ((CUSTOMER, "--from", "-", "--from", "-"), "standard input"),
        ((CUSTOMER, "--from", str(FILE), "--licence-transfer-from", "2019-01-01T00:00:00Z"), "must not begin before the first one"),
    ],
)
def test_wrong_usage_ends_with_2(multichannel: Run, words: tuple[str, ...], complaint: str) -> None:
    done = multichannel("explain", *words)
    assert (done.code, done.stdout) == (EXIT_INVALID, "")
    assert complaint in done.stderr


def test_without_a_broker_it_says_so(multichannel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    done = multichannel("explain", CUSTOMER)
    assert (done.code, done.stdout) == (EXIT_UNAVAILABLE, "")
    assert len(done.stderr.splitlines()) == 1
    monkeypatch.setenv("MULTICHANNEL_TOPIC_PREFX", "a")
    assert multichannel("explain", CUSTOMER).code == EXIT_SETTINGS


def process(*words: str, **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([str(COMMAND), *words], stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)


def test_standard_input_is_read_and_letters_that_the_locale_lacks_are_escaped() -> None:
    words = ("explain", CUSTOMER, "--from", "-", "--language", "zh")
    with process(*words, env={**os.environ, "PYTHONIOENCODING": "ascii"}) as running:
        out, err = running.communicate(FILE.read_text("utf-8"), timeout=60)
    assert (running.returncode, err) == (0, "")
    assert out.isascii()
    assert "\\u8ba2\\u9605" in out


def test_who_reads_may_go_at_any_time(tmp_path: Path) -> None:
    """A customer with more to tell than a pipe holds."""
    lines = [json.loads(line) for name in NAMES for line in (STORIES / f"{name}.events.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        line["value"]["customer_tenant_id"] = CUSTOMER
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    with process("explain", CUSTOMER, "--from", str(file)) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.read(1)
        running.stdout.close()
        assert running.wait(60) == 128 + signal.SIGPIPE
        assert running.stderr.read() == ""


def test_an_interruption_ends_with_130_and_one_line() -> None:
    with process("explain", CUSTOMER, "--from", "-") as running:
        assert running.stdin is not None and running.stderr is not None
        wait_until_it_reads(running)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == EXIT_INTERRUPTED
        assert running.stderr.read().strip() == "multichannel: interrupted"


def wait_until_it_reads(running: subprocess.Popen[str]) -> None:
    """What comes on standard input is laid down in a file without a name: when that is open, it reads."""
    for _ in range(600):
        links = [str(entry.readlink()) for entry in Path(f"/proc/{running.pid}/fd").iterdir() if entry.is_symlink()]
        if any("(deleted)" in link for link in links):
            return
        time.sleep(0.1)
    raise AssertionError("it never began to read")
