"""May this application start on this broker?

Checked before the consumer subscribes: every topic is there, inputs and changelog have one partition count, the changelog is compacted and
never deleted from, output limits are known, and the group holds no offsets of topics that this application does not read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from processors.engine.batch import DEFAULT_LIMIT_BYTES, Target
from processors.engine.failstop import StartRefusedError
from processors.engine.offsets import GroupOffsets
from processors.engine.settings import EngineSettings

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Output:
    """A topic the application writes to.

    ``copartitioned``: same partition count as the inputs, records go to the batch's own partition. Otherwise by murmur2 of the key.
    """

    name: str
    copartitioned: bool = True


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What the broker says of a topic."""

    partitions: int
    config: Mapping[str, str]


def checked_targets(
    facts: Mapping[str, TopicFacts], *, inputs: Sequence[str], outputs: Iterable[Output], changelog: str
) -> tuple[int, dict[str, Target]]:
    """Return the partition count of the inputs and what is known of each output and the changelog.

    Raises:
        StartRefusedError: names every topic that does not fit, and what was expected.

    """
    counts = {topic: facts[topic].partitions for topic in inputs}
    partitions = counts[inputs[0]]
    wrong = [
        f"input {topic!r} has {count} partitions, {inputs[0]!r} has {partitions}: inputs must be co-partitioned"
        for topic, count in counts.items()
        if count != partitions
    ]
    if facts[changelog].partitions != partitions:
        wrong.append(f"changelog {changelog!r} has {facts[changelog].partitions} partitions, the inputs have {partitions}")
    if (policy := facts[changelog].config.get("cleanup.policy", "compact")) != "compact":
        wrong.append(f"changelog {changelog!r} has cleanup.policy={policy}, it must be 'compact': state would be deleted")
    targets: dict[str, Target] = {}
    for output in (*outputs, Output(changelog)):
        fact = facts[output.name]
        if output.copartitioned and fact.partitions != partitions:
            wrong.append(f"output {output.name!r} has {fact.partitions} partitions, the inputs have {partitions}")
        limit = int(fact.config.get("max.message.bytes", DEFAULT_LIMIT_BYTES))
        targets[output.name] = Target(fact.partitions, output.copartitioned, limit)
    if wrong:
        raise StartRefusedError("; ".join(wrong))
    return partitions, targets


async def topic_facts(settings: EngineSettings, topics: Sequence[str]) -> dict[str, TopicFacts]:
    """Ask until the broker knows every topic; callers put this under a limit.

    Raises:
        StartRefusedError: the broker answers, but denies a topic.

    """
    complaint = ""
    while True:
        admin = AIOKafkaAdminClient(**settings.client("checks"), request_timeout_ms=settings.producer_request_timeout_ms)
        try:
            await admin.start()
            counts = {
                described["topic"]: len(described["partitions"])
                for described in await admin.describe_topics(list(topics))
                if not described["error_code"] and described["partitions"]
            }
            missing = sorted(set(topics) - set(counts))
            if not missing:
                configs = await _configs(admin, topics)
                return {topic: TopicFacts(counts[topic], configs.get(topic, {})) for topic in topics}
            said = f"waiting for topics {missing}"
        except (KafkaError, OSError, AssertionError) as error:
            said = f"waiting for the broker {settings.bootstrap_servers}: {error!r}"
        finally:
            await admin.close()
        if said != complaint:
            complaint = said
            logger.warning(said)
        await asyncio.sleep(RETRY_SECONDS)


async def check_group(offsets: GroupOffsets, inputs: Sequence[str], *, group: str, retired: frozenset[str]) -> None:
    """Refuse if the group has offsets of topics that are not ours.

    Raises:
        StartRefusedError: a second application runs, or ran, under the same id.

    """
    foreign = sorted({place.topic for place in await offsets.committed(None)} - set(inputs) - retired)
    if foreign:
        text = (
            f"the consumer group {group!r} has committed offsets of {foreign}, which this application does not read: another application "
            f"uses the same id, and the two would fence each other for ever. Give each its own id; if the topics are former inputs of this "
            f"application, name them in retired_topics."
        )
        raise StartRefusedError(text)


async def _configs(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    answers: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics])
    configs: dict[str, dict[str, str]] = {}
    for answer in answers:
        for resource in answer.resources:
            code, _, _, name, entries = resource[:5]
            if not code:
                configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs
