"""How does an exported record look in Parquet? The record with its bytes, which are the evidence, and a column for each field of its value.

The columns are for who queries the file; reading it back compares them with the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from processors.audit.entries import Record
from processors.audit.sources import SourceUnreadable
from processors.codec import MessageRejected, Schemas
from processors.codec.messages import viewer
from processors.contract import contract
from processors.contract.avro import Array, Enum, Fixed, Primitive, Type, Union
from processors.contract.avro import Record as AvroRecord

try:
    import pyarrow as pa
    from pyarrow import parquet
except ModuleNotFoundError:  # an extra; JSON Lines needs none
    pa = parquet = None

ROWS_AT_ONCE: Final = 10_000
PREFIX: Final = "value_"
_OWN: Final = ("partition", "offset", "timestamp", "key", "value")


def check_there() -> None:
    """SourceUnreadable where Parquet cannot be read or written."""
    if pa is None:
        raise SourceUnreadable("Parquet needs pyarrow: install multichannel[parquet], or use JSON Lines (--format jsonl)")


def schema_of(topic: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    """The columns of a topic's file."""
    own = [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
    ]
    fields = [(f"{PREFIX}{each.name}", _type(each.type)) for each in contract().schema(topic).type.fields]
    return pa.schema([pa.field(name, type_) for name, type_ in (*own, *fields)])


def _type(type_: Type) -> Any:  # noqa: ANN401 - pyarrow has no types
    match type_:
        case Union(branches=(Primitive("null"), inner)):
            return _type(inner)
        case Array():
            return pa.list_(_type(type_.items))
        case AvroRecord():
            return pa.struct([pa.field(each.name, _type(each.type)) for each in type_.fields])
        case Enum() | Primitive("string"):
            return pa.string()
        case Fixed():
            return pa.binary(type_.size)
        case Primitive(_, "timestamp-micros"):
            return pa.timestamp("us", tz="UTC")
        case Primitive(_, "date"):
            return pa.date32()
        case Primitive(name):
            return {"long": pa.int64, "int": pa.int32, "boolean": pa.bool_, "bytes": pa.binary}[name]()
        case _:
            raise TypeError(f"the contract has no {type_}")


def _batch(records: list[Record], topic: str, schemas: Schemas | None, schema: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    shown = viewer(topic)
    rows = []
    for record in records:
        try:
            told = shown.codec.values(record.value, schemas, shown.readers, shown.plan)
        except MessageRejected:
            told = {}
        row = dict(zip(_OWN, (record.partition, record.offset, record.timestamp, record.key, record.value), strict=True))
        rows.append(row | {f"{PREFIX}{name}": value for name, value in told.items()})
    return pa.RecordBatch.from_pylist(rows, schema)


class ParquetFile:
    """A Parquet file that is being written, a row group at a time."""

    def __init__(self, path: Path, topic: str) -> None:
        check_there()
        self._topic = topic
        self._schema = schema_of(topic)
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd", write_statistics=True)
        self._waiting: list[Record] = []
        self._schemas: Schemas | None = None

    def write(self, record: Record, schemas: Schemas | None) -> None:
        """One more record."""
        self._schemas = schemas
        self._waiting.append(record)
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_batch(_batch(self._waiting, self._topic, self._schemas, self._schema))
            self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def read_parquet(path: Path, topic: str, schemas: Schemas | None) -> Iterator[Record]:
    """The records of a file; SourceUnreadable where it is none of ours, or where a column says something else than the bytes."""
    check_there()
    schema = schema_of(topic)
    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                records = []
                own = [batch.column(name).cast(pa.int64()) if name == "timestamp" else batch.column(name) for name in _OWN]
                for number, values in enumerate(zip(*(column.to_pylist() for column in own), strict=True), row + 1):
                    partition, offset, timestamp, key, value = values
                    records.append(Record(topic, partition, offset, timestamp, key, value, f"{path}, row {number}"))
                _check_columns(batch, _batch(records, topic, schemas, schema), records)
                row += len(records)
                yield from records
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise SourceUnreadable(f"{path}, after row {row}: is no Parquet file of an export: {error}") from None


def _check_columns(batch: Any, wanted: Any, records: list[Record]) -> None:  # noqa: ANN401 - pyarrow has no types
    for name in wanted.schema.names:
        found = batch.column(name)
        if found.equals(wanted.column(name)):
            continue
        rows = zip(records, found.to_pylist(), wanted.column(name).to_pylist(), strict=True)
        record = next((each for each, one, other in rows if one != other), records[0])
        raise SourceUnreadable(f"{record.place}: column {name} is not what the bytes in value say")
