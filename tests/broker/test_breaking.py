"""What if the broker, its starter, its files or its machine are not as they should be?

7 starts of Kafka: about 25 s on an idle machine; as many again in the long run (`make faults`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processors.broker import ServerBusyError, ServerUnavailableError, broker_status, children, kafka, processes, start_broker, stop_broker
from processors.broker.choosing import cache_folder
from processors.settings import Settings, kafka_client_arguments
from tests.conftest import broker_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MULTICHANNEL = [sys.executable, "-c", "from processors.cli import main; main()"]
pytestmark = pytest.mark.xdist_group("own broker")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """A broker folder of the test's own; the downloads are shared."""
    settings = Settings(
        broker_folder=tmp_path / "Bröker ☕ ordner", broker_cache_folder=cache_folder(broker_settings()), broker_heap_mib=256
    )
    yield settings
    stop_broker(settings)


@pytest.fixture
def variables(own: Settings) -> dict[str, str]:
    """The same for a command in a process of its own."""
    return {
        **os.environ,
        "MULTICHANNEL_BROKER_FOLDER": str(own.broker_folder),
        "MULTICHANNEL_BROKER_CACHE_FOLDER": str(own.broker_cache_folder),
        "MULTICHANNEL_BROKER_HEAP_MIB": "256",
    }


def within(seconds: float, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.01)


def folder(settings: Settings) -> Path:
    return settings.broker_folder / "kafka"


def start(settings: Settings) -> int:
    found = start_broker(settings, by="java")
    assert found.pid is not None
    return found.pid


def brokers(settings: Settings) -> list[int]:
    """All processes with this folder's mark, looked for independently of the product's own search."""
    marked = children.mark(folder(settings)).encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = entry.joinpath("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked in words and b"kafka.Kafka" in words and words[0] != b"/bin/sh":
            found.append(int(entry.name))
    return found


async def write_one(settings: Settings) -> None:
    found = broker_status(settings)
    assert found is not None
    arguments = kafka_client_arguments(settings, found.bootstrap_servers)
    admin = AIOKafkaAdminClient(**arguments)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("kept", 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(**arguments) as producer:
        await producer.send_and_wait("kept", b"record")


async def read_one(settings: Settings) -> bytes | None:
    found = broker_status(settings)
    assert found is not None
    async with AIOKafkaConsumer(**kafka_client_arguments(settings, found.bootstrap_servers), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        value: bytes | None = (await consumer.getone()).value
        return value


async def test_killed_hard_it_starts_again_where_it_was_with_its_records(own: Settings) -> None:
    pid = start(own)
    before = broker_status(own)
    await write_one(own)
    os.kill(pid, signal.SIGKILL)
    within(10, lambda: broker_status(own) is None)
    assert start(own) != pid
    after = broker_status(own)
    assert before is not None
    assert after is not None
    assert after.bootstrap_servers == before.bootstrap_servers
    assert await read_one(own) == b"record"


def test_with_a_damaged_or_lost_record_it_is_found_and_stopped_all_the_same(own: Settings) -> None:
    pid = start(own)
    record = folder(own) / "process.json"
    for content in ("rubbish", "", "[1]", '{"pid": 1, "started": "1", "command": ["init"]}'):
        record.write_text(content)
        assert start(own) == pid
    record.unlink()
    stop_broker(own)
    assert brokers(own) == []


def test_a_stranger_under_the_noted_process_id_is_left_alone(own: Settings) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            known = processes.look(stranger.pid)
            assert known is not None
            folder(own).mkdir(parents=True)
            for started, command in (("1", [children.mark(folder(own))]), (known.started, list(known.command))):
                record = {"pid": stranger.pid, "started": started, "command": command}
                (folder(own) / "process.json").write_text(json.dumps(record))
                assert broker_status(own) is None
                assert stop_broker(own) is None
                assert stranger.poll() is None
            assert not processes.send(processes.Process(stranger.pid, "1", known.command), signal.SIGKILL)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_data_folder_that_was_not_formatted_is_put_aside_and_not_deleted(own: Settings) -> None:
    (folder(own) / "data" / "somebodys-records-0").mkdir(parents=True)
    (folder(own) / "data.partial-left" / "data").mkdir(parents=True)
    start(own)
    (aside,) = folder(own).glob("data.unformatted-*")
    assert (aside / "somebodys-records-0").is_dir()
    assert not list(folder(own).glob("data.partial-*"))


def test_killed_while_formatting_the_next_start_begins_anew(own: Settings, variables: dict[str, str]) -> None:
    with subprocess.Popen([*MULTICHANNEL, "broker", "start", "--by", "java"], env=variables) as starter:
        within(30, lambda: any(folder(own).glob("data.partial-*/format.properties")))
        starter.kill()
    assert not (folder(own) / "data").exists()
    start(own)


@pytest.mark.long
def test_killed_while_it_starts_the_next_start_takes_the_broker_over(own: Settings, variables: dict[str, str]) -> None:
    with subprocess.Popen([*MULTICHANNEL, "broker", "start", "--by", "java"], env=variables) as starter:
        within(30, lambda: bool(brokers(own)))
        starter.kill()
    (left,) = brokers(own)
    assert start(own) == left


def test_two_starts_at_once_end_with_one_broker(own: Settings, variables: dict[str, str]) -> None:
    command = [*MULTICHANNEL, "broker", "start", "--by", "java", "--format", "json"]
    starters = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [json.loads(starter.communicate(timeout=60)[0]) for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0]
    assert said[0]["pid"] == said[1]["pid"]
    assert {each["state"] for each in said} == {"started", "running"}
    assert brokers(own) == [said[0]["pid"]]


def test_ctrl_c_ends_a_start_with_130_and_leaves_no_broker(own: Settings, variables: dict[str, str]) -> None:
    with subprocess.Popen([*MULTICHANNEL, "broker", "start", "--by", "java"], env=variables, stderr=subprocess.PIPE, text=True) as starter:
        within(30, (folder(own) / "process.json").exists)
        starter.send_signal(signal.SIGINT)
        _, words = starter.communicate(timeout=60)
    assert starter.returncode == 130
    assert "Traceback" not in words
    assert brokers(own) == []


@pytest.mark.long
def test_where_its_port_was_taken_meanwhile_it_takes_another(own: Settings) -> None:
    start(own)
    before = broker_status(own)
    stop_broker(own)
    assert before is not None
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", int(before.bootstrap_servers[0].rpartition(":")[2])))
        taker.listen()
        start(own)
        after = broker_status(own)
    assert after is not None
    assert after.bootstrap_servers != before.bootstrap_servers


@pytest.mark.long
def test_where_another_program_is_quicker_at_a_free_port_it_tries_others(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = kafka._two_free_ports
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        choices = iter([choose(), (taker.getsockname()[1], choose()[0])])  # the first is for formatting
        monkeypatch.setattr(kafka, "_two_free_ports", lambda: next(choices, None) or choose())
        start(own)
    assert next(choices, None) is None


@pytest.mark.long
def test_a_paused_broker_is_stopped_too(own: Settings) -> None:
    os.kill(start(own), signal.SIGSTOP)
    stop_broker(own)
    assert brokers(own) == []


def test_a_folder_that_cannot_be_written_is_named(own: Settings) -> None:
    own.broker_folder.write_text("a file where the folder should be")
    with pytest.raises(ServerUnavailableError, match="cannot be written"):
        start_broker(own, by="java")
    own.broker_folder.unlink()


def test_waiting_for_the_lock_has_a_deadline(tmp_path: Path) -> None:
    with children.locked(tmp_path, 1), pytest.raises(ServerBusyError, match="another command"), children.locked(tmp_path, 0.2):
        pass


def test_a_broker_that_ends_early_is_explained_by_its_log(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = own.model_copy(update={"broker_cache_folder": tmp_path / "cache"})
    home = tmp_path / "home" / "bin"
    home.mkdir(parents=True)
    (home / "java").write_text(
        "#!/bin/sh\n"
        """case "$*" in *-version*) echo 'openjdk version "17.0.1"' >&2;; *) echo first; echo "the disk is on fire"; exit 3;; esac\n"""
    )
    (home / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home.parent))
    (folder(own) / "data").mkdir(parents=True)
    for name in ("meta.properties", "bootstrap.checkpoint"):
        (folder(own) / "data" / name).touch()
    (cache_folder(own) / "kafka-4.3.1").mkdir(parents=True)
    with pytest.raises(ServerUnavailableError, match=r"(?s)ended.*the last lines of .*server.log.*the disk is on fire"):
        start_broker(own, by="java")


def test_with_nothing_to_run_it_on_all_that_is_lacking_is_listed(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    variables = {**variables, "PATH": str(tmp_path / "empty"), "MULTICHANNEL_BROKER_CACHE_FOLDER": str(tmp_path / "cache")}
    variables.pop("JAVA_HOME", None)
    done = subprocess.run([*MULTICHANNEL, "broker", "start"], env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 69
    for words in (
        "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS",
        "no docker on PATH",
        "Java 17 or later (no java",
        "Maven (no mvn on PATH)",
        "get it with",
    ):
        assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_status_says_that_there_is_none_and_that_a_configured_one_does_not_answer(variables: dict[str, str]) -> None:
    done = subprocess.run([*MULTICHANNEL, "broker", "status"], env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "no broker" in done.stderr) == (1, True)
    variables["MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{children.free_ports(1)[0]}"
    done = subprocess.run([*MULTICHANNEL, "broker", "status"], env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "cannot be reached" in done.stderr) == (69, True)
    assert "Traceback" not in done.stderr
