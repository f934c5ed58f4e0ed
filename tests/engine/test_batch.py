"""Does a batch hand over all of an agent's work, or nothing, and nothing that Kafka would refuse?"""

from __future__ import annotations

import asyncio
import random

import pytest
from aiokafka.partitioner import murmur2

from processors.engine import BatchMisuseError, RecordTooLargeError, UndeclaredTopicError, create_app
from processors.engine.batch import ABSENT
from processors.engine.marker import RESERVED
from processors.engine.rows import PartitionRows, RawRows
from processors.engine.store import MemoryStore
from processors.engine.table import StagedTable
from tests.engine.samples import Owner, Sample, some_batch, some_rows


@pytest.fixture
async def table() -> StagedTable[bytes, bytes]:
    app = create_app("nobody")
    made = app.Table("rows", changelog_topic=app.topic("log"))
    assert isinstance(made, StagedTable)
    return made


async def test_iterating_outside_of_the_block_is_refused() -> None:
    with pytest.raises(BatchMisuseError, match="with batch"):
        list(some_batch(records=[Sample("a", 0)]))


async def test_leaving_the_block_finishes_the_batch() -> None:
    owner = Owner()
    batch = some_batch(owner=owner)
    with batch:
        assert not batch.finished.done()
    assert batch.finished.result() is True
    assert owner.said == ["entered", "left"]


async def test_an_exception_in_the_block_reaches_the_owner_and_finishes_nothing() -> None:
    owner = Owner()
    batch = some_batch(owner=owner)
    with pytest.raises(ZeroDivisionError), batch:
        raise ZeroDivisionError
    assert owner.said == ["entered", "failed"]
    assert not batch.finished.done()


async def test_a_batch_is_entered_once() -> None:
    batch = some_batch()
    with batch:
        pass
    with pytest.raises(BatchMisuseError, match="once"):
        batch.__enter__()


async def test_a_copartitioned_output_goes_to_the_batchs_partition_and_another_by_key() -> None:
    batch = some_batch(partition=1)
    with batch:
        batch.emit("out", b"key", b"v")
        batch.emit("elsewhere", b"key", b"v")
        batch.emit("elsewhere", None, b"v")
        batch.emit("elsewhere", b"key", b"v", partition=3)
    assert [record.partition for record in batch.emitted] == [1, (murmur2(b"key") & 0x7FFFFFFF) % 7, 1, 3]


@pytest.mark.parametrize("partition", [-1, 7])
async def test_a_partition_that_is_not_there_is_refused(partition: int) -> None:
    batch = some_batch()
    with pytest.raises(BatchMisuseError, match="no partition"), batch:
        batch.emit("elsewhere", b"k", b"v", partition=partition)


async def test_an_undeclared_topic_is_refused_by_name() -> None:
    batch = some_batch()
    with pytest.raises(UndeclaredTopicError, match=r"'typo'.*'elsewhere'"), batch:
        batch.emit("typo", b"k", b"v")


async def test_a_record_without_key_and_value_is_refused() -> None:
    batch = some_batch()
    with pytest.raises(BatchMisuseError, match="key or a value"), batch:
        batch.emit("out", None, None)


async def test_a_record_too_large_for_its_topic_is_found_when_it_is_emitted() -> None:
    batch = some_batch()
    with batch:
        with pytest.raises(RecordTooLargeError) as caught:
            batch.emit("out", b"k", b"v" * 1_000)
        batch.emit("out", b"k", b"small")
    assert (caught.value.topic, caught.value.limit_bytes) == ("out", 1_000)
    assert [record.value for record in batch.emitted] == [b"small"]


async def test_headers_count_towards_the_size() -> None:
    batch = some_batch()
    with batch, pytest.raises(RecordTooLargeError):
        batch.emit("out", b"k", b"v", [("trace", b"x" * 1_000)])


async def test_a_table_reads_what_the_batch_staged_and_later_batches_read_it_too(table: StagedTable[bytes, bytes]) -> None:
    rows = some_rows()
    first = some_batch(rows)
    with first:
        table[b"x"] = b"1"
        assert table[b"x"] == b"1"
        table[b"x"] = b"2"
    assert first.sealed == [(b"x", b"2")]
    rows.hand_over(first)
    second = some_batch(rows)
    with second:
        assert table[b"x"] == b"2"
        del table[b"x"]
        assert b"x" not in table
        assert table.get(b"x", b"none") == b"none"
        with pytest.raises(KeyError):
            table[b"x"]
    assert second.sealed == [(b"x", None)]


async def test_a_row_is_encoded_once_per_key_and_batch_and_decoded_once(table: StagedTable[bytes, bytes]) -> None:
    rows = some_rows()
    rows.store.stage([(b"x", b"1")])
    asked: list[str] = []

    class Counting:
        def encode_key(self, key: bytes) -> bytes:
            return key

        def decode_key(self, row_key: bytes) -> bytes:
            return row_key

        def encode(self, value: bytes) -> bytes:
            asked.append("encode")
            return value

        def decode(self, data: bytes) -> bytes:
            asked.append("decode")
            return data

    rows.codec = Counting()
    for _ in range(2):
        batch = some_batch(rows)
        with batch:
            for number in range(5):
                table[b"x"] = table[b"x"] + b"%d" % number
        rows.hand_over(batch)
    assert asked == ["decode", "encode", "encode"]


async def test_decoded_rows_are_bounded_by_use() -> None:
    decoded: list[bytes] = []

    class Noting(RawRows):
        def decode(self, data: bytes) -> bytes:
            decoded.append(data)
            return data

    rows = PartitionRows(MemoryStore(), Noting(), "log", cache_rows_max=4)
    rows.store.stage([(b"%d" % number, b"%d" % number) for number in range(10)])
    for number in range(10):
        rows.read(b"0")
        rows.read(b"%d" % number)
        assert len(rows._young) + len(rows._old) <= 4
    assert decoded == [b"%d" % number for number in range(10)]  # what is used again and again is decoded once


@pytest.mark.parametrize("cache_rows_max", range(10))
def test_a_row_is_what_was_last_set_however_little_is_kept_in_memory(cache_rows_max: int) -> None:
    async def scene(draw: random.Random) -> None:
        rows = PartitionRows(MemoryStore(), RawRows(), "log", cache_rows_max=cache_rows_max)
        keys, truth = (b"a", b"b", b"c", b"d"), dict[bytes, bytes]()
        for number in range(20):
            batch = some_batch(rows)
            with batch:
                for key in draw.sample(keys, draw.randrange(5)):
                    assert batch.row(key) == truth.get(key, ABSENT)
                for key in draw.sample(keys, draw.randrange(5)):
                    if draw.random() < 0.3:
                        truth.pop(key, None)
                        batch.change(key, ABSENT)
                    else:
                        truth[key] = b"%d" % number
                        batch.change(key, truth[key])
            rows.hand_over(batch)
            rows.forget(draw.sample(keys, draw.randrange(3)))
            assert len(rows._young) + len(rows._old) <= cache_rows_max

    for seed in range(50):
        asyncio.run(scene(random.Random(seed)))


async def test_a_table_outside_of_a_batch_is_neither_read_nor_written(table: StagedTable[bytes, bytes]) -> None:
    with pytest.raises(BatchMisuseError):
        table[b"x"]
    with pytest.raises(BatchMisuseError):
        table[b"x"] = b"1"
    for scan in (table.keys, table.values, table.items, table.clear, lambda: len(table), lambda: list(table)):
        with pytest.raises(BatchMisuseError):
            scan()


async def test_row_keys_of_the_engine_are_refused(table: StagedTable[bytes, bytes]) -> None:
    owner = Owner()
    batch = some_batch(owner=owner)
    with pytest.raises(BatchMisuseError, match="must not begin"), batch:
        table[RESERVED + b"marker"] = b"mine"
    assert owner.said[-1] == "failed"


async def test_an_attempt_that_fails_takes_back_all_it_did(table: StagedTable[bytes, bytes]) -> None:
    rows = some_rows()
    rows.store.stage([(b"old", b"1")])
    batch = some_batch(rows)
    with batch:
        batch.emit("out", b"k", b"before")
        table[b"x"] = b"before"
        with pytest.raises(ZeroDivisionError), batch.attempt():  # noqa: PT012 what came before the error is the point
            batch.emit("out", b"k", b"within")
            table[b"x"] = b"within"
            table[b"y"] = b"within"
            del table[b"old"]
            raise ZeroDivisionError
        assert table[b"old"] == b"1"
        assert b"y" not in table
    assert [record.value for record in batch.emitted] == [b"before"]
    assert batch.sealed == [(b"x", b"before")]


async def test_a_row_too_large_sends_the_batch_round_again_and_names_its_attempt(table: StagedTable[bytes, bytes]) -> None:
    owner = Owner()
    batch = some_batch(owner=owner, records=[Sample("a", number) for number in range(3)])
    refused = []

    def work() -> None:
        with batch:
            for record in batch:
                try:
                    with batch.attempt():
                        table[b"%d" % record.offset] = b"x" * (5_000 if record.offset == 1 else 5)
                        batch.emit("out", b"k", b"%d" % record.offset)
                except RecordTooLargeError as error:
                    refused.append(record.offset)
                    batch.emit("elsewhere", b"k", error.topic.encode())

    work()
    assert batch.finished.result() is False
    assert not batch.emitted
    batch.again()
    work()
    assert batch.finished.result() is True
    assert refused == [1]
    assert [record.value for record in batch.emitted] == [b"0", b"log", b"2"]
    assert [key for key, _ in batch.sealed] == [b"0", b"2"]


async def test_a_row_too_large_outside_of_any_attempt_ends_the_process_the_second_time(table: StagedTable[bytes, bytes]) -> None:
    owner = Owner()
    batch = some_batch(owner=owner)
    with batch:
        table[b"x"] = b"x" * 5_000
    batch.again()
    with pytest.raises(RecordTooLargeError), batch:
        table[b"x"] = b"x" * 5_000
    assert owner.said == ["entered", "left", "entered", "failed"]


async def test_attempts_do_not_nest() -> None:
    batch = some_batch()
    with batch, batch.attempt(), pytest.raises(BatchMisuseError, match="nest"), batch.attempt():
        pass
