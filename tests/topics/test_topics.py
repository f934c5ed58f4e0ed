"""Do plan, apply and check work against a real broker, seen by an independent client? About 10 s."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it hands them out without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from processors.broker import children
from processors.contract import contract
from processors.settings import Settings, kafka_client_arguments
from processors.topics import TopicsError, apply, complaints, plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.conftest import Ended

TOPICS = tuple(contract().topics.values())


@pytest.fixture
def independent(settings: Settings, topic_prefix: str) -> Iterator[AdminClient]:
    """librdkafka's admin client; the test's topics are deleted in the end."""
    client = AdminClient({"bootstrap.servers": ",".join(settings.kafka_bootstrap_servers), "log_level": 0})
    yield client
    names = [name for name in client.list_topics(timeout=10).topics if name.startswith(topic_prefix)]
    for deleted in client.delete_topics(names).values() if names else ():
        deleted.result(10)


@pytest.fixture
def arguments(settings: Settings) -> dict[str, Any]:
    return kafka_client_arguments(settings)


def settings_of(client: AdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    (described,) = client.describe_configs([resource]).values()
    return {name: entry.value for name, entry in described.result(10).items()}


def set_on(client: AdminClient, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    (done,) = client.incremental_alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])]).values()
    done.result(10)


async def eventually(ask: Callable[[], Awaitable[Any]], is_right: Callable[[Any], bool]) -> None:
    """A broker answers a change before its own metadata show it."""
    until = time.monotonic() + 10
    while not is_right(found := await ask()):
        assert time.monotonic() < until, found
        await asyncio.sleep(0.1)


async def test_apply_creates_what_the_contract_says_and_repeating_it_changes_nothing(
    arguments: dict[str, Any], independent: AdminClient, topic_prefix: str
) -> None:
    done, remaining = await apply(arguments, TOPICS, topic_prefix)
    assert (len(done), remaining) == (len(TOPICS), ())
    created = independent.list_topics(timeout=10).topics
    for topic in TOPICS:
        assert len(created[topic_prefix + topic.name].partitions) == topic.partitions
        found = settings_of(independent, topic_prefix + topic.name)
        assert found["cleanup.policy"] == topic.cleanup
        assert found["retention.ms"] == str(topic.retention_ms)
        assert found["max.message.bytes"] == str(topic.max_message_bytes)
        assert found["retention.bytes"] == "-1"
    assert await apply(arguments, TOPICS, topic_prefix) == ((), ())
    assert await complaints(arguments, TOPICS, topic_prefix) == ()


async def test_a_setting_is_changed_back_and_one_the_contract_does_not_know_is_left(
    arguments: dict[str, Any], independent: AdminClient, topic_prefix: str
) -> None:
    await apply(arguments, TOPICS, topic_prefix)
    topic = f"{topic_prefix}consent-granted"
    set_on(independent, topic, "retention.ms", "604800000")
    set_on(independent, topic, "segment.bytes", "77777777")
    complaint = f"topic {topic}: retention.ms: found 604800000, wanted 94694400000"
    await eventually(lambda: complaints(arguments, TOPICS, topic_prefix), lambda found: found == (complaint,))
    done, remaining = await apply(arguments, TOPICS, topic_prefix)
    assert ([each.setting for each in done], remaining) == (["retention.ms"], ())
    assert settings_of(independent, topic)["retention.ms"] == "94694400000"
    assert settings_of(independent, topic)["segment.bytes"] == "77777777"


async def test_other_partition_counts_are_refused_and_dead_letters_may_grow(
    arguments: dict[str, Any], independent: AdminClient, topic_prefix: str
) -> None:
    news = [NewTopic(topic_prefix + name, count, 1) for name, count in (("cancellation", 4), ("consent-granted", 16), ("dead-letters", 2))]
    for created in independent.create_topics(news).values():
        created.result(10)
    _, remaining = await apply(arguments, TOPICS, topic_prefix)
    assert [(each.topic, each.setting, each.found, each.wanted) for each in remaining] == [
        (f"{topic_prefix}consent-granted", "partitions", "16", "8"),
        (f"{topic_prefix}cancellation", "partitions", "4", "8"),
    ]
    partitions = {name: len(topic.partitions) for name, topic in independent.list_topics(timeout=10).topics.items()}
    assert partitions[f"{topic_prefix}cancellation"] == 4
    assert partitions[f"{topic_prefix}dead-letters"] == 8
    assert len(await complaints(arguments, TOPICS, topic_prefix)) == 2


async def test_planning_creates_nothing_and_sees_what_somebody_else_did(
    arguments: dict[str, Any], independent: AdminClient, topic_prefix: str
) -> None:
    assert len(await plan(arguments, TOPICS, topic_prefix)) == len(TOPICS)
    assert not [name for name in independent.list_topics(timeout=10).topics if name.startswith(topic_prefix)]
    await apply(arguments, TOPICS, topic_prefix)
    (grown,) = independent.create_partitions([NewPartitions(f"{topic_prefix}review-due", 9)]).values()
    grown.result(10)
    await eventually(
        lambda: plan(arguments, TOPICS, topic_prefix), lambda found: [each.topic for each in found] == [f"{topic_prefix}review-due"]
    )


async def test_a_broker_that_is_not_there_is_said() -> None:
    server = f"127.0.0.1:{children.free_ports(1)[0]}"
    with pytest.raises(TopicsError, match=server):
        await plan({"bootstrap_servers": [server]}, TOPICS)


@pytest.fixture
def topics(
    multichannel: Callable[..., Ended], settings: Settings, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """`multichannel topics ...` on the shared broker, under this test's prefix."""
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(settings.kafka_bootstrap_servers))
    return lambda *words: multichannel("topics", *words, "--topic-prefix", topic_prefix)


def test_the_commands_end_as_documented(topics: Callable[..., Ended], independent: AdminClient, topic_prefix: str) -> None:
    planned = topics("plan")
    assert (planned.code, planned.stdout.count("\n+ ") + 1) == (2, len(TOPICS))
    assert topics("check").code == 1
    unasked = topics("apply")
    assert (unasked.code, "--yes" in unasked.stderr) == (2, True)
    applied = topics("apply", "--yes", "--format", "json")
    assert (applied.code, len(json.loads(applied.stdout)["applied"])) == (0, len(TOPICS))
    assert topics("apply").code == 0
    again = topics("plan", "--format", "json")
    assert (again.code, json.loads(again.stdout)) == (0, {"differences": []})
    assert topics("check").code == 0
    (created,) = independent.create_topics([NewTopic(f"{topic_prefix}forgotten", 1, 1)]).values()
    created.result(10)
    until = time.monotonic() + 10
    while topics("plan").code == 0:  # the broker's metadata show it a little later
        assert time.monotonic() < until
    left = topics("apply", "--yes")
    assert (left.code, "never deleted" in left.stdout) == (1, True)
    assert topics("check").code == 0


@pytest.mark.parametrize(("answer", "code", "count"), [(b"n\n", 1, 0), (b"y\n", 0, len(TOPICS))])
def test_apply_asks_on_a_terminal(
    settings: Settings, independent: AdminClient, topic_prefix: str, answer: bytes, code: int, count: int
) -> None:
    variables = {**os.environ, "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": ",".join(settings.kafka_bootstrap_servers)}
    command = [sys.executable, "-c", "from processors.cli import main; main()", "topics", "apply", "--topic-prefix", topic_prefix]
    person, terminal = pty.openpty()
    try:
        os.write(person, answer)
        done = subprocess.run(command, env=variables, stdin=terminal, capture_output=True, timeout=60, check=False)
    finally:
        os.close(person)
        os.close(terminal)
    assert done.returncode == code, done.stderr
    assert len([name for name in independent.list_topics(timeout=10).topics if name.startswith(topic_prefix)]) == count


def test_without_a_broker_the_commands_end_with_69(multichannel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{children.free_ports(1)[0]}")
    for command in ("plan", "check", "apply"):
        done = multichannel("topics", command)
        assert (done.code, "cannot be reached" in done.stderr, done.stdout) == (69, True, "")


@pytest.mark.parametrize("words", [("topics", "plan"), ("broker", "status")])
def test_ctrl_c_ends_a_command_that_waits_for_a_silent_broker(words: tuple[str, ...]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        variables = {**os.environ, "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent.getsockname()[1]}"}
        command = [sys.executable, "-c", "from processors.cli import main; main()", *words]
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
            silent.settimeout(60)
            connection, _ = silent.accept()
            asking.send_signal(signal.SIGINT)
            output, words_said = asking.communicate(timeout=60)
            connection.close()
    assert (asking.returncode, output, words_said.strip()) == (130, "", "multichannel: interrupted")
