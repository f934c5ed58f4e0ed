"""Do headers follow the CloudEvents binding, keys find their partition, and dead letters always arrive?"""

from __future__ import annotations

import os
import re
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.partitioner import murmur2

from processors.codec import decode_dead_letter
from processors.codec.files import read_file
from processors.contract import ErrorCode, folder
from processors.core.decisions import Cause, Decision
from processors.core.policy import Policy
from processors.core.replay import canonical_replay
from processors.engine import RecordTooLargeError
from processors.topology.cloud_events import decision_headers, trace_of
from processors.topology.customers import row_prefix
from processors.topology.deciding import pair_key
from processors.topology.partitioning import partition_of
from processors.topology.refusing import RefusedShare, TooManyBadRecords, dead_letter, emit_dead_letter


def decisions() -> list[Decision]:
    told = [
        (each.event, Cause(each.event.event_id, each.topic))
        for path in (folder() / "examples/stories").glob("*")
        for each in read_file(path)
    ]
    return list(canonical_replay(told, Policy.shipped()))


def test_headers_follow_the_binary_mode_of_the_cloudevents_binding() -> None:
    """https://github.com/cloudevents/spec kafka-protocol-binding.md 3.2, spec.md: required attributes, their types, and the prefix."""
    for decision in decisions():
        headers = dict(decision_headers(decision, ()))
        assert len(headers) == 7
        attributes = {name.removeprefix("ce_"): value.decode("utf-8") for name, value in headers.items() if name.startswith("ce_")}
        assert attributes["specversion"] == "1.0"
        assert attributes["id"] == decision.decision_id
        assert attributes["source"] and attributes["type"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", attributes["time"])
        assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in attributes)
        assert headers.keys() - {f"ce_{name}" for name in attributes} == {"content-type"}
        assert headers["content-type"] == b"application/avro"
        assert not headers["content-type"].startswith(b"application/cloudevents"), "that would be structured mode"


def test_a_traceparent_is_carried_on_as_it_is_and_nothing_else() -> None:
    parent = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert trace_of([("a", b"b"), parent, ("tracestate", b"x")]) == (parent,)
    assert trace_of([]) == trace_of([("a", b"b")]) == ()
    assert decision_headers(decisions()[0], (parent,))[-1] == parent


def test_partitions_are_those_of_the_java_client() -> None:
    for length in [*range(80), 111]:
        key = os.urandom(length)
        assert partition_of(key, 8) == (murmur2(key) & 0x7FFFFFFF) % 8
    # values of Apache Kafka's own UtilsTest.testMurmur2
    assert (partition_of(b"21", 2**31) - (-973932308 & 0x7FFFFFFF)) % 2**31 == 0
    assert (partition_of(b"foobar", 2**31) - (-790332482 & 0x7FFFFFFF)) % 2**31 == 0


@pytest.mark.parametrize(
    "customer", ["c1121f4a-57e2-5e6c-a8e6-fb87ffeec64c", "a", "a|h", "a|s|b", "\x00engine\x00marker", "č%7C", "", "%", "a b"]
)
def test_rows_of_a_customer_are_nobody_elses_whatever_its_id(customer: str) -> None:
    prefix = row_prefix(customer.encode())
    assert prefix.count(b"|") == 1 and prefix.endswith(b"|")
    assert not prefix.startswith(b"\x00")


def test_different_ids_have_different_rows() -> None:
    ids = ["a", "a|", "a%7C", "a%257C", "A", "a|h", "ä", "%", "%25"]
    assert len({row_prefix(customer.encode()) for customer in ids}) == len(ids)


def test_the_key_of_a_pair_has_a_hyphen_for_the_any_partner() -> None:
    keys = {pair_key(decision) for decision in decisions()}
    assert any(key.endswith(b"|-") for key in keys)
    assert all(key.count(b"|") == 2 for key in keys)


class Batch:
    """Takes records up to a size."""

    partition = 3

    def __init__(self, most: int) -> None:
        self.most = most
        self.targets = {"dead-letters": SimpleNamespace(partitions=8)}
        self.emitted: list[tuple[bytes | None, bytes]] = []

    def emit(self, topic: str, key: bytes | None, value: bytes, headers: Any = (), *, partition: int) -> None:
        size = len(key or b"") + len(value) + sum(len(name) + len(content) for name, content in headers)
        if size > self.most:
            raise RecordTooLargeError(topic, key, size, self.most)
        self.emitted.append((key, value))


@pytest.mark.parametrize(
    ("value", "headers", "key", "kept"),
    [
        (b"v" * 100, [("h", b"x")], b"k", {"value", "headers", "key"}),
        (b"v" * 1_000, [("h", b"x")], b"k", {"headers", "key"}),
        (None, [("h", b"x" * 1_000)], b"k", {"key"}),
        (b"v" * 1_000, [("h", b"x" * 1_000)], b"k" * 1_000, set()),
    ],
)
def test_a_dead_letter_arrives_with_as_much_as_fits(
    value: bytes | None, headers: list[tuple[str, bytes]], key: bytes, kept: set[str]
) -> None:
    record: Any = SimpleNamespace(partition=2, offset=9, timestamp=1_600_000_000_000, key=key, value=value, headers=headers)
    batch: Any = Batch(600)
    emit_dead_letter(batch, "dead-letters", dead_letter(record, "cancellation", ErrorCode.INVALID, "kind: must be told"), (), None)
    [(sent_key, sent)] = batch.emitted
    letter = decode_dead_letter(sent)
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp) == ("cancellation", 2, 9, 1_600_000_000_000_000)
    assert (letter.error_code, letter.error_message) == (ErrorCode.INVALID, "kind: must be told")
    assert letter.value == (value if "value" in kept else None)
    assert [(header.name, header.value) for header in letter.headers] == (headers if "headers" in kept else [])
    assert letter.key == sent_key == (key if "key" in kept else None)


def test_more_than_the_tolerated_share_of_the_last_records_stops_and_as_much_does_not() -> None:
    share = RefusedShare(10, 0.5)
    for number in range(20):
        share.seen(refused=number % 2 == 0)
    share.seen(refused=True)
    with pytest.raises(TooManyBadRecords, match="6 of the last 10 records"):
        share.seen(refused=True)


def test_a_few_bad_records_at_the_beginning_stop_nothing() -> None:
    share = RefusedShare(10, 0.5)
    for _ in range(9):
        share.seen(refused=True)


def test_a_share_of_one_never_stops() -> None:
    share = RefusedShare(10, 1)
    for _ in range(100):
        share.seen(refused=True)
