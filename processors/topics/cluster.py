"""Which topics has the broker, and how are they created and changed there? Everything here asks a broker, with a deadline."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from processors.topics.differences import Cluster, Difference, Existing, Kind, Wanted, compare, wanted_topics
from processors.topics.incremental import IncrementalAlterConfigs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from processors.contract import Topic

REQUEST_TIMEOUT_MS = 15_000
DEADLINE_SECONDS = 60.0
APPLY_SECONDS = 45.0
POLL_SECONDS = 0.1


class TopicsError(Exception):
    """The broker does not answer, or refuses; the message names the topic and the broker's words. Exit code 69; repeat at will."""


async def plan(arguments: dict[str, Any], topics: Iterable[Topic], prefix: str = "") -> tuple[Difference, ...]:
    """All differences between the broker that `arguments` (aiokafka's) reach and the contract's `topics`.

    Raises:
        TopicsError: the broker does not answer or refuses to say.
    """
    wanted = wanted_topics(topics, prefix)
    async with _admin(arguments) as admin:
        return compare(wanted, await _observed(admin, [topic.name for topic in wanted], prefix), prefix)


async def observe(arguments: dict[str, Any], names: Iterable[str]) -> Cluster:
    """What the broker says about these topics and about itself.

    Raises:
        TopicsError: the broker does not answer or refuses to say.
    """
    async with _admin(arguments) as admin:
        return await _observed(admin, list(names), "")


async def partition_counts(arguments: dict[str, Any]) -> dict[str, int]:
    """How many partitions each topic has that one may see; who may read a topic may ask this, its settings are another right.

    Raises:
        TopicsError: the broker does not answer or refuses to say.
    """
    async with _admin(arguments) as admin:
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def apply(
    arguments: dict[str, Any], topics: Iterable[Topic], prefix: str = ""
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """Remove every difference that may be removed; those that were, and those that remain (refused ones).

    It may be repeated, and two at once do no harm.

    Raises:
        TopicsError: the broker does not answer or refuses; what was done before stays, repeating goes on from there.
    """
    wanted = {topic.name: topic for topic in wanted_topics(topics, prefix)}
    asked: dict[Difference, None] = {}
    async with _admin(arguments) as admin, asyncio.timeout(APPLY_SECONDS):
        while True:
            cluster = await _observed(admin, list(wanted), prefix)
            differences = compare(wanted.values(), cluster, prefix)
            removable = [each for each in differences if each.kind is not Kind.REFUSE]
            if not removable:
                return tuple(asked), differences
            # a broker answers before all brokers know of a change, so what was asked for once is only waited for
            new = [each for each in removable if each not in asked]
            await _create(admin, [wanted[each.topic] for each in new if each.kind is Kind.CREATE], cluster.brokers)
            await _change(admin, [each for each in new if each.kind is Kind.CHANGE])
            asked.update(dict.fromkeys(new))
            if not new:
                await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def _admin(arguments: dict[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that is closed in the end; every failure of the broker under one name, every wait with one deadline."""
    admin = AIOKafkaAdminClient(**{**arguments, "request_timeout_ms": REQUEST_TIMEOUT_MS})
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await admin.start()
            yield admin
    except TimeoutError:
        raise TopicsError(f"the broker {_servers(arguments)} did not answer in time") from None
    except (KafkaError, OSError) as error:
        raise TopicsError(f"the broker {_servers(arguments)}: {error}") from error
    finally:
        await admin.close()


def _servers(arguments: dict[str, Any]) -> str:
    return ",".join(arguments["bootstrap_servers"])


async def _observed(admin: AIOKafkaAdminClient, names: Sequence[str], prefix: str) -> Cluster:
    brokers = len((await admin.describe_cluster())["brokers"])
    # all topics, not these: asking for a topic by name makes a broker with auto.create.topics.enable create it
    described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    present = [name for name in described if name in names]
    settings = await _settings(admin, present)
    found = {name: _existing(described[name], settings[name]) for name in present}
    beyond = {name: _existing(described[name], {}) for name in described if prefix and name.startswith(prefix) and name not in found}
    return Cluster(brokers, {**found, **beyond})


def _existing(partitions: Sequence[dict[str, Any]], settings: dict[str, str]) -> Existing:
    """The fewest replicas of any partition count."""
    return Existing(len(partitions), min((len(partition["replicas"]) for partition in partitions), default=0), settings)


async def _settings(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    found = {}
    for code, message, _, name, entries in response.resources:
        _check(code, message, f"the settings of topic {name} cannot be read")
        found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Wanted], brokers: int) -> None:
    if not topics:
        return
    news = []
    for topic in topics:
        replication = topic.replication_on(brokers)
        news.append(NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.settings_with(replication)))
    response = await admin.create_topics(news)
    for name, code, message in response.topic_errors:
        if code != TopicAlreadyExistsError.errno:  # somebody else was quicker; what it looks like is seen afterwards
            _check(code, message, f"topic {name} was not created")


async def _change(admin: AIOKafkaAdminClient, differences: Sequence[Difference]) -> None:
    partitions = {each.topic: NewPartitions(int(each.wanted)) for each in differences if each.setting == "partitions"}
    if partitions:
        await admin.create_partitions(partitions)
    changes: dict[str, dict[str, str]] = {}
    for each in differences:
        if each.setting != "partitions":
            changes.setdefault(each.topic, {})[each.setting] = each.wanted
    if changes:
        response = await admin._send_to_controller(IncrementalAlterConfigs(changes))  # noqa: SLF001 - its way to send a request it does not know
        for code, message, _, name in response.responses:
            _check(code, message, f"topic {name} was not changed")


def _check(code: int, message: str | None, what: str) -> None:
    if code:
        error = for_code(code)
        raise TopicsError(f"{what}: {message or error.description or error.__name__}")
