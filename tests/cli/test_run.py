"""Does the main job end with everything in place, can it be run again, and does it say when no Kafka took part?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from processors.broker import Broker, ServerUnavailableError
from processors.cli import main
from processors.cli import run as run_module
from processors.cli.exits import Stop
from processors.cli.run_summary import NO_KAFKA, where_to_look
from processors.codec import MessageRejected, check_record, decode_event
from processors.core.policy import Policy
from processors.topology.demo import BAD_TOPIC, Came, bad_records, demo_events, replayed
from tests.conftest import Ended as HowItEnded

Ended = Callable[..., tuple[int, str]]


@pytest.fixture
def ended(capsys: pytest.CaptureFixture[str]) -> Ended:
    def run(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as exited:
            main(["run", "--customers", "32", *args])
        assert isinstance(exited.value.code, int)
        said = capsys.readouterr()
        return exited.value.code, said.out + said.err

    return run


@pytest.mark.timeout(240)
def test_run_decides_the_demo_as_replay_does_and_can_be_run_again(
    broker: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, ended: Ended, multichannel: Callable[..., HowItEnded]
) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(broker.bootstrap_servers))
    monkeypatch.setenv("MULTICHANNEL_TOPIC_PREFIX", topic_prefix)
    code, said = ended("--kafka", "required")
    assert code == 0, said
    assert "11 of them made" in said
    assert "answers in force are those that replay computes" in said
    assert NO_KAFKA not in said
    for refusal in ("UNDECODABLE", "INVALID", "KEY_MISMATCH", "CLOCK_AHEAD"):
        assert f"{refusal:<26}       1" in said
    code, said = ended()
    assert code == 0, said
    assert "0 of them made" in said
    assert "decisions 0 out: all of this was decided in an earlier run" in said
    [prove] = [line.split()[1:] for line in said.splitlines() if line.startswith("prove ")]
    assert prove == ["multichannel", "verify", "--topic-prefix", topic_prefix]
    verified = multichannel(*prove[1:])
    assert (verified.code, verified.stderr) == (0, "")
    assert "everything is as it must be" in verified.stdout


def test_the_next_commands_are_named_as_they_were_called_where_the_shell_does_not_find_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = tmp_path / "multichannel"
    command.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(command), "run"])
    monkeypatch.setenv("PATH", "")
    where_to_look("")
    assert f"{command} verify\n" in capsys.readouterr().out
    monkeypatch.setenv("PATH", str(tmp_path))
    where_to_look("")
    assert "prove     multichannel verify\n" in capsys.readouterr().out


async def test_it_waits_as_long_as_something_comes_out_and_then_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "OUT_SECONDS_MAX", 0.2)
    came, stuck = Came(events=3), asyncio.get_running_loop().create_future()
    with pytest.raises(Stop, match=r"0 of 3 records came out, and none in the last"):
        await run_module._while_it_moves(stuck, came, 3)
    slow = asyncio.ensure_future(come_out(came, 3))
    await run_module._while_it_moves(slow, came, 3)
    assert came.dispositions.total() == 3


async def come_out(came: Came, count: int) -> None:
    for _ in range(count):
        came.dispositions["APPLIED"] += 1
        await asyncio.sleep(0.15)


def nowhere(*_: object) -> Broker:
    raise ServerUnavailableError("no broker can be had: made up")


def test_without_a_broker_the_demo_goes_through_the_core_and_says_so_at_its_head_and_its_end(
    monkeypatch: pytest.MonkeyPatch, ended: Ended
) -> None:
    monkeypatch.setattr(run_module, "start_broker", nowhere)
    code, said = ended()
    lines = [line for line in said.splitlines() if line and not line.startswith("no broker can be had")]
    assert code == 0
    assert lines[0] == lines[-1] == NO_KAFKA
    assert "made up" in said
    assert "dead letters" not in said
    for refusal in ("UNDECODABLE", "INVALID", "KEY_MISMATCH", "CLOCK_AHEAD"):
        assert f"{refusal:<26}       1" in said


def test_where_kafka_is_required_the_run_fails_instead(monkeypatch: pytest.MonkeyPatch, ended: Ended) -> None:
    monkeypatch.setattr(run_module, "start_broker", nowhere)
    code, said = ended("--kafka", "required")
    assert code == 69
    assert "made up" in said
    assert NO_KAFKA not in said


def test_the_demo_is_the_same_every_time_and_shows_every_table() -> None:
    events = demo_events(300)
    assert [located.event for located in events] == [located.event for located in demo_events(300)]
    assert len({located.event.customer_tenant_id for located in events}) == 300
    now = int(time.time() * 1_000_000)
    assert all(located.event.occurred_at < now for located in events)
    decisions = replayed(events, Policy.shipped(), now)
    assert {decision.rule[0] for decision in decisions} >= {"A", "B", "C", "D", "E"}
    assert len({decision.answer.outcome for decision in decisions}) >= 12


def test_each_bad_record_of_the_demo_is_bad_in_its_own_way() -> None:
    now, codes = int(time.time() * 1_000_000), []
    for record in bad_records(demo_events(16), now):
        with pytest.raises(MessageRejected) as rejected:
            check_record(decode_event(BAD_TOPIC, record.value), record.key, now, 300_000_000)
        codes.append(rejected.value.code.value)
    assert codes == ["UNDECODABLE", "INVALID", "KEY_MISMATCH", "CLOCK_AHEAD"]
