"""Is every difference between topics.yaml and a broker seen, and refused where removing it would do harm?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from processors.contract import contract
from processors.topics import Cluster, Existing, Kind, compare, wanted_topics

TOPICS = wanted_topics(contract().topics.values())
INPUT = next(topic for topic in TOPICS if topic.name == "consent-granted")


def right(brokers: int = 3) -> dict[str, Existing]:
    """A broker that has all as wanted."""
    return {
        topic.name: Existing(topic.partitions, topic.replication_on(brokers), topic.settings_with(topic.replication_on(brokers)))
        for topic in TOPICS
    }


def differences(name: str, brokers: int = 3, **changed: Any) -> list[tuple[Kind, str, str, str]]:
    """What is found where one topic is otherwise; nothing else may be found."""
    existing = right(brokers)
    settings = {**existing[name].settings, **{key.replace("_", "."): str(value) for key, value in changed.items() if "_" in key}}
    plain = {key: value for key, value in changed.items() if "_" not in key}
    existing[name] = replace(existing[name], settings=settings, **plain)
    found = compare(TOPICS, Cluster(brokers, existing))
    assert {each.topic for each in found} <= {name}
    return [(each.kind, each.setting, each.found, each.wanted) for each in found]


@pytest.mark.parametrize("brokers", [1, 2, 3, 5])
def test_a_broker_that_has_all_as_wanted_has_no_differences(brokers: int) -> None:
    assert compare(TOPICS, Cluster(brokers, right(brokers))) == ()


def test_on_an_empty_broker_every_topic_is_to_be_created() -> None:
    found = compare(TOPICS, Cluster(3, {}))
    assert [(each.kind, each.topic) for each in found] == [(Kind.CREATE, topic.name) for topic in TOPICS]
    assert "partitions=8 replication=3" in found[0].wanted
    assert "min.insync.replicas=2" in found[0].wanted


@pytest.mark.parametrize(("brokers", "replication", "in_sync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (4, 3, 2)])
def test_a_small_cluster_gets_as_many_replicas_as_it_can_hold(brokers: int, replication: int, in_sync: int) -> None:
    found = compare((INPUT,), Cluster(brokers, {}))[0]
    assert f"replication={replication} " in found.wanted
    assert f"min.insync.replicas={in_sync}" in found.wanted
    assert bool(found.why) == (replication < 3)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retention_ms", "604800000"),
        ("cleanup_policy", "compact"),
        ("cleanup_policy", "compact,delete"),
        ("max_message_bytes", "1000"),
        ("min_insync_replicas", "1"),
        ("retention_bytes", "1073741824"),
    ],
)
def test_a_changed_setting_is_to_be_changed_back(setting: str, value: str) -> None:
    name = setting.replace("_", ".")
    assert differences("consent-granted", brokers=3, **{setting: value}) == [(Kind.CHANGE, name, value, INPUT.settings_with(3)[name])]


def test_a_table_that_is_not_compacted_is_seen() -> None:
    assert differences("customer-channel-support", cleanup_policy="delete") == [(Kind.CHANGE, "cleanup.policy", "delete", "compact")]


@pytest.mark.parametrize(
    ("name", "partitions", "kind"),
    [
        ("consent-granted", 16, Kind.REFUSE),
        ("consent-granted", 4, Kind.REFUSE),
        ("customer-channel-support", 4, Kind.REFUSE),
        ("multichannel-customers-changelog", 4, Kind.REFUSE),
        ("dead-letters", 16, Kind.REFUSE),
        ("dead-letters", 4, Kind.CHANGE),
    ],
)
def test_partitions_grow_only_where_no_key_has_a_place(name: str, partitions: int, kind: Kind) -> None:
    assert differences(name, partitions=partitions) == [(kind, "partitions", str(partitions), "8")]


@pytest.mark.parametrize(("brokers", "replication"), [(3, 1), (3, 2), (3, 4), (5, 1), (1, 4)])
def test_another_replication_is_refused(brokers: int, replication: int) -> None:
    in_sync = INPUT.settings_with(replication)["min.insync.replicas"]
    found = differences("consent-granted", brokers, replication=replication, min_insync_replicas=in_sync)
    assert [(kind, setting) for kind, setting, *_ in found] == [(Kind.REFUSE, "replication")]


def test_brokers_that_are_down_are_no_difference() -> None:
    assert compare(TOPICS, Cluster(2, right(3))) == ()


def test_a_topic_under_the_prefix_that_the_contract_does_not_know_is_never_deleted() -> None:
    stranger = {"t-old": Existing(1, 1, {}), "elsewhere": Existing(1, 1, {})}
    topics = wanted_topics(contract().topics.values(), "t-")
    existing = {f"t-{name}": topic for name, topic in right().items()}
    (found,) = compare(topics, Cluster(3, {**existing, **stranger}), "t-")
    assert (found.kind, found.topic, found.wanted) == (Kind.REFUSE, "t-old", "nothing")
    assert compare(TOPICS, Cluster(3, {**right(), **stranger})) == ()


def test_a_complaint_names_topic_setting_found_and_wanted() -> None:
    existing = {**right(), "consent-granted": replace(right()["consent-granted"], partitions=4)}
    (found,) = compare(TOPICS, Cluster(3, existing))
    assert str(found).startswith("topic consent-granted: partitions: found 4, wanted 8 (keys would move")
