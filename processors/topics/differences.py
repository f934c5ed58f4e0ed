"""How do the topics that are there differ from those that are wanted, and which differences may be removed by a program?

Values in, values out; nothing is asked here. What would move keys to other partitions, lose records or cost a copy of
all of them is refused: a person has to decide it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processors.contract import Topic

# the contract says how long records stay; a limit in bytes, set on the topic or as the broker's default, would break that silently
NO_LIMIT_IN_BYTES = {"retention.bytes": "-1"}


class Kind(StrEnum):
    """What is to be done about a difference."""

    CREATE = "create"
    CHANGE = "change"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as the broker has it; `settings` are those in force, wherever they were set."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a broker says: how many brokers are alive, and which topics there are."""

    brokers: int
    topics: Mapping[str, Existing]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as the contract wants it, under its full name."""

    name: str
    partitions: int
    replication: int
    min_in_sync_replicas: int
    settings: Mapping[str, str]
    keys_stay: bool
    """Whether a key must stay in its partition: then the number of partitions is fixed for good."""

    def replication_on(self, brokers: int) -> int:
        """As many replicas as wanted, or as there are brokers."""
        return max(1, min(self.replication, brokers))

    def settings_with(self, replication: int) -> dict[str, str]:
        """The settings for so many replicas: with fewer than wanted, one may still be lost without stopping writers."""
        in_sync = self.min_in_sync_replicas if replication >= self.replication else max(1, min(self.min_in_sync_replicas, replication - 1))
        return {**self.settings, "min.insync.replicas": str(in_sync)}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `why` says why it is refused, or why less is created than topics.yaml says."""

    kind: Kind
    topic: str
    setting: str
    found: str
    wanted: str
    why: str = field(default="")

    def __str__(self) -> str:
        """Topic, setting, found and wanted."""
        return f"topic {self.topic}: {self.setting}: found {self.found}, wanted {self.wanted}" + (f" ({self.why})" if self.why else "")


def wanted_topics(topics: Iterable[Topic], prefix: str = "") -> tuple[Wanted, ...]:
    """The contract's topics, each name with the prefix before it."""
    return tuple(
        Wanted(
            prefix + topic.name,
            topic.partitions,
            topic.replication,
            topic.min_in_sync_replicas,
            {**NO_LIMIT_IN_BYTES, **topic.settings},
            keys_stay=topic.co_partitioned or topic.cleanup == "compact",
        )
        for topic in topics
    )


def compare(wanted: Iterable[Wanted], cluster: Cluster, prefix: str = "") -> tuple[Difference, ...]:
    """All differences, topic by topic; with a prefix also the topics under it that the contract does not know."""
    topics = tuple(wanted)
    found = []
    for topic in topics:
        existing = cluster.topics.get(topic.name)
        found += [_creation(topic, cluster.brokers)] if existing is None else _differences(topic, existing, cluster.brokers)
    names = {topic.name for topic in topics}
    if prefix:
        found += [_unknown(name) for name in sorted(cluster.topics) if name.startswith(prefix) and name not in names]
    return tuple(found)


def _creation(topic: Wanted, brokers: int) -> Difference:
    replication = topic.replication_on(brokers)
    settings = {"partitions": topic.partitions, "replication": replication, **topic.settings_with(replication)}
    value = " ".join(f"{name}={value}" for name, value in settings.items())
    why = f"{replication} of {topic.replication} replicas, because {brokers} brokers are alive" if replication < topic.replication else ""
    return Difference(Kind.CREATE, topic.name, "existence", "nothing", value, why)


def _unknown(name: str) -> Difference:
    why = "topics are never deleted by this program, their records would be gone; delete it by hand if nobody needs it"
    return Difference(Kind.REFUSE, name, "existence", "a topic that topics.yaml does not list", "nothing", why)


def _differences(topic: Wanted, existing: Existing, brokers: int) -> list[Difference]:
    settings = topic.settings_with(existing.replication)
    return [
        *_partitions(topic, existing.partitions),
        *_replication(topic, existing.replication, brokers),
        *(
            Difference(Kind.CHANGE, topic.name, name, existing.settings.get(name, "nothing"), value)
            for name, value in settings.items()
            if existing.settings.get(name) != value
        ),
    ]


def _partitions(topic: Wanted, found: int) -> list[Difference]:
    if found == topic.partitions:
        return []
    if found > topic.partitions:
        why = "Kafka cannot take partitions away without deleting the topic"
    elif topic.keys_stay:
        why = "keys would move to other partitions, away from their state; a new topic and a replay are needed"
    else:
        return [Difference(Kind.CHANGE, topic.name, "partitions", str(found), str(topic.partitions))]
    return [Difference(Kind.REFUSE, topic.name, "partitions", str(found), str(topic.partitions), why)]


def _replication(topic: Wanted, found: int, brokers: int) -> list[Difference]:
    """Fewer brokers alive than wanted replicas may be a small cluster or a bad day: anything between is right."""
    if topic.replication_on(brokers) <= found <= topic.replication:
        return []
    why = "replicas are moved by the cluster's operators, because it copies every record (kafka-reassign-partitions)"
    return [Difference(Kind.REFUSE, topic.name, "replication", str(found), str(topic.replication_on(brokers)), why)]
