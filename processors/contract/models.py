"""What may stand in topics.yaml and in a schema file? Strict models: an unknown key, a missing doc, a wrong type are refused."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

UNLIMITED: Final = -1
DAY_MS: Final = 86_400_000
CUSTOMER_KEY: Final = "customer_tenant_id"

Text = Annotated[str, Field(min_length=1)]
Doc = Annotated[str, Field(min_length=3, pattern=r"\S")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Topic(_Strict):
    """One topic: what it is for, and how a broker must have it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,200}$")]
    role: Literal["input", "internal-input", "output", "internal"]
    about: Doc
    key: Text
    record: str | None
    partitions: Annotated[int, Field(ge=1, le=1000)]
    replication: Annotated[int, Field(ge=1, le=15)]
    min_in_sync_replicas: Annotated[int, Field(ge=1, le=15)]
    cleanup: Literal["delete", "compact"]
    retention_days: Annotated[int, Field(ge=1, le=36525)] | Literal["unlimited"]
    max_message_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)]
    producers: Annotated[list[Text], Field(min_length=1)]
    consumers: Annotated[list[Text], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Topic:
        if self.record is None and self.role != "internal":
            raise ValueError("record must be named: only a topic with role internal has none")
        if self.cleanup == "compact" and self.retention_days != "unlimited":
            raise ValueError("retention_days must be unlimited where cleanup is compact")
        if self.min_in_sync_replicas > self.replication:
            raise ValueError("min_in_sync_replicas must not exceed replication")
        return self

    @property
    def is_input(self) -> bool:
        """Whether the processor reads events from it."""
        return self.role in {"input", "internal-input"}

    @property
    def co_partitioned(self) -> bool:
        """Whether a customer's records must lie in the partition of the customer's state: same number, same partitioner."""
        return self.key == CUSTOMER_KEY or self.role == "internal"

    @property
    def retention_ms(self) -> int:
        """As Kafka wants it: milliseconds, -1 for unlimited."""
        return UNLIMITED if isinstance(self.retention_days, str) else self.retention_days * DAY_MS

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the topic under Kafka's names, as text."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
            "min.insync.replicas": str(self.min_in_sync_replicas),
        }


class TopicsFile(_Strict):
    """topics.yaml."""

    topics: Annotated[list[Topic], Field(min_length=1)]


def _kind_of(node: Any) -> str:  # noqa: ANN401 - raw JSON
    if isinstance(node, str):
        return "name"
    kind = node.get("type") if isinstance(node, dict) else None
    return kind if kind in {"record", "enum", "array", "fixed"} else "primitive"


def _one_or_union(node: Any) -> str:  # noqa: ANN401 - raw JSON
    return "union" if isinstance(node, list) else "one"


class PrimitiveFile(_Strict):
    """A primitive type with a logical type: the contract knows instants in microseconds and days."""

    type: Literal["long", "int"]
    logicalType: Literal["timestamp-micros", "date"]  # noqa: N815 - Avro's name

    @model_validator(mode="after")
    def _fits(self) -> PrimitiveFile:
        if (self.type, self.logicalType) not in {("long", "timestamp-micros"), ("int", "date")}:
            raise ValueError("an instant is long (timestamp-micros), a day is int (date)")
        return self


class EnumFile(_Strict):
    """A closed set whose default is UNKNOWN, with a text for every symbol."""

    type: Literal["enum"]
    name: Text
    doc: Doc
    symbols: Annotated[list[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]], Field(min_length=2)]
    default: Literal["UNKNOWN"]
    symbol_docs: dict[str, Doc]

    @model_validator(mode="after")
    def _all_told(self) -> EnumFile:
        if "UNKNOWN" not in self.symbols:
            raise ValueError("symbols must have UNKNOWN")
        if silent := [symbol for symbol in self.symbols if symbol not in self.symbol_docs]:
            raise ValueError(f"symbol_docs: no doc for {', '.join(silent)}")
        if strange := [symbol for symbol in self.symbol_docs if symbol not in self.symbols]:
            raise ValueError(f"symbol_docs: {', '.join(strange)} is no symbol")
        return self


class FixedFile(_Strict):
    """A fixed number of bytes."""

    type: Literal["fixed"]
    name: Text
    size: Annotated[int, Field(ge=1, le=1024)]
    doc: Doc


class ArrayFile(_Strict):
    """A list."""

    type: Literal["array"]
    items: TypeFile


class FieldFile(_Strict):
    """A field; `form` says how its text is brought into one form: ids lower-cased, countries upper-cased, durations checked."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    type: TypeFile
    doc: Doc
    default: Any = None
    aliases: list[Text] = []
    form: Literal["id", "country", "duration"] | None = None

    @model_validator(mode="after")
    def _optional_in_one_way(self) -> FieldFile:
        if isinstance(self.type, list):
            if len(self.type) != 2 or self.type[0] != "null" or "null" in self.type[1:]:
                raise ValueError('an optional field is a union of "null" and one type, null first')
            if "default" not in self.model_fields_set or self.default is not None:
                raise ValueError("an optional field has the default null")
        elif "default" in self.model_fields_set and self.default is not False and self.default != []:
            raise ValueError("a default is null, false or an empty array")
        return self


class RecordFile(_Strict):
    """A record: at the top of a file with its namespace, inside without."""

    type: Literal["record"]
    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]
    namespace: Literal["multichannel"] | None = None
    doc: Doc
    fields: Annotated[list[FieldFile], Field(min_length=1)]


_OneType = Annotated[
    Annotated[RecordFile, Tag("record")]
    | Annotated[EnumFile, Tag("enum")]
    | Annotated[ArrayFile, Tag("array")]
    | Annotated[FixedFile, Tag("fixed")]
    | Annotated[PrimitiveFile, Tag("primitive")]
    | Annotated[Text, Tag("name")],
    Discriminator(_kind_of),
]
TypeFile = Annotated[Annotated[_OneType, Tag("one")] | Annotated[list[_OneType], Tag("union")], Discriminator(_one_or_union)]
for _model in (ArrayFile, FieldFile, RecordFile):
    _model.model_rebuild()
