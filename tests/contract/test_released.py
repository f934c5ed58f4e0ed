"""Is the contract whole, frozen where released, and refused when it is not?"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from enum import EnumType
from pathlib import Path
from typing import Any, get_args, get_type_hints

import avro.schema
import pytest

from processors.contract import ContractError, DeadLetter, JournalEntry, contract, folder, load, records
from processors.contract.avro import Array, Enum, Field, Primitive, Record, Type, Union, short
from processors.core import conclusions, decisions, events, symbols

ROOT = Path(__file__).parents[2]

# SHA-256 of the files as released. A schema that has been released is never edited: a change is a new file and a new line here.
RELEASED = {
    "cancellation.v1.avsc": "6e0e4852e6147873d5228ba44cc3aa8e3ce628d889d6c5e5d9102affb590dcc4",
    "consent-granted.v1.avsc": "136185e78da0de68643a100da67ac820e1fabf598b65219211ec7521d7b71404",
    "dead-letter.v1.avsc": "b13d7ccb6e4de8c3a8973755705abf384cf80608bbd9f91cce08ebb7d19d4222",
    "journal-entry.v1.avsc": "2d5a493b11512f3ee278dcc91cf21e9ed9882809d8f3fc2a36633ddf18216e07",
    "multi-channel-support-decision.v1.avsc": "c81693700c5629abb370041d428033e64239e65b12e23d91d7e420f97b3338b3",
    "review-due.v1.avsc": "bb43d9ccc713d0c9e0d6e06bc62e97f4ad20d8356aaa8c3b9850edcd0a24ca25",
    "subscription-purchased.v1.avsc": "7bfbd8ceedc5d5c45c135cfa710bcab49bdc2775f130a522e6c42fffebbe77a9",
    "subscription-state-changed.v1.avsc": "0be1865090daa041096b16804f2eb35538caa2d335cdf4388817102546765cd4",
    "subscription-transfer.v1.avsc": "b9d8ec37365ffbb5da2c10a78e8d382bb20068ab9e553ca7df3da5563631cccb",
}

EVENT_RECORDS: dict[str, type] = {
    "SubscriptionPurchased": events.SubscriptionPurchased,
    "ConsentGranted": events.ConsentGranted,
    "Cancellation": events.Cancellation,
    "SubscriptionStateChanged": events.SubscriptionStateChanged,
    "SubscriptionTransfer": events.SubscriptionTransfer,
    "ReviewDue": events.ReviewDue,
    "JournalEntry": JournalEntry,
    "DeadLetter": DeadLetter,
}


def test_every_released_schema_is_what_it_was_when_it_was_released() -> None:
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (ROOT / "schemas").iterdir()} == RELEASED


def test_the_ten_topics_of_the_contract_and_the_changelog_are_there() -> None:
    assert [(topic.name, topic.role, topic.cleanup) for topic in contract().topics.values()] == [
        ("subscription-purchased", "input", "delete"),
        ("consent-granted", "input", "delete"),
        ("cancellation", "input", "delete"),
        ("subscription-state-changed", "input", "delete"),
        ("subscription-transfer", "input", "delete"),
        ("review-due", "internal-input", "delete"),
        ("multi-channel-support-decisions", "output", "delete"),
        ("customer-channel-support", "output", "compact"),
        ("customer-journal", "output", "delete"),
        ("dead-letters", "output", "delete"),
        ("multichannel-customers-changelog", "internal", "compact"),
    ]
    assert len({topic.partitions for topic in contract().topics.values() if topic.co_partitioned}) == 1


def test_kafka_gets_the_settings_under_its_own_names() -> None:
    assert contract().topic("review-due").settings == {
        "cleanup.policy": "delete",
        "retention.ms": "2592000000",
        "max.message.bytes": "262144",
        "min.insync.replicas": "2",
    }
    assert contract().topic("customer-journal").settings["retention.ms"] == "-1"


def test_a_dead_letter_has_room_for_the_largest_record_and_a_journal_entry_for_all_decision_ids() -> None:
    largest = max(contract().topic(name).max_message_bytes for name in contract().inputs)
    assert contract().topic("dead-letters").max_message_bytes >= 2 * largest
    assert contract().topic("customer-journal").max_message_bytes >= largest + 20_000 * 37 + 1_024


def enums_of(type_: Type) -> list[Enum]:
    match type_:
        case Enum():
            return [type_]
        case Record(fields=fields):
            return [enum for field in fields for enum in enums_of(field.type)]
        case Array(items=items):
            return enums_of(items)
        case Union(branches=branches):
            return [enum for branch in branches for enum in enums_of(branch)]
        case _:
            return []


def test_every_enum_has_the_symbols_of_the_core_and_unknown_as_its_default() -> None:
    seen = set()
    for versions in contract().schemas.values():
        for enum in enums_of(versions[-1].type):
            name = short(enum.name)
            ours = getattr(symbols, name, None) or getattr(conclusions, name, None) or getattr(records, name)
            assert isinstance(ours, EnumType)
            assert set(enum.symbols) == set(ours.__members__) | {"UNKNOWN"}, name
            assert enum.default == "UNKNOWN"
            seen.add(name)
    sets = vars(symbols) | vars(conclusions)
    assert seen >= {name for name, value in sets.items() if isinstance(value, EnumType) and name not in {"Symbol", "StrEnum"}}


@pytest.mark.parametrize("record", EVENT_RECORDS)
def test_a_record_has_the_fields_of_its_dataclass_and_tells_the_same_ones_optional(record: str) -> None:
    ours = EVENT_RECORDS[record]
    hints = get_type_hints(ours)
    wanted = {field.name: type(None) in get_args(hints[field.name]) for field in dataclasses.fields(ours)}
    assert {field.name: field.optional for field in contract().schemas[record][-1].type.fields} == wanted


def test_a_decision_has_the_fields_of_the_contract_in_its_order() -> None:
    names = [field.name for field in contract().schema("multi-channel-support-decisions").type.fields]
    answer = {field.name for field in dataclasses.fields(decisions.Answer)}
    own = {field.name for field in dataclasses.fields(decisions.Decision)} - {"answer"}
    assert set(names) == answer | own
    assert names[:6] == ["decision_id", "customer_tenant_id", "subscription_id", "partner_tenant_id", "sequence", "supersedes"]
    assert names[-4:] == ["policy_version", "as_of", "caused_by", "evidence"]


def test_instants_days_and_forms_are_told_alike_in_every_record() -> None:
    told: dict[str, set[tuple[Any, str | None]]] = {}

    def look(field: Field) -> None:
        type_ = field.type.branches[1] if isinstance(field.type, Union) else field.type
        told.setdefault(field.name, set()).add((type_.logical if isinstance(type_, Primitive) else None, field.form))

    for name in contract().inputs:
        for field in contract().schema(name).type.fields:
            look(field)
    assert {name: seen for name, seen in told.items() if len(seen) > 1} == {}
    assert {name for name, seen in told.items() if ("timestamp-micros", None) in seen} == {
        "occurred_at",
        "recorded_at",
        "effective_start_date",
        "cancellation_allowed_until",
        "valid_from",
        "valid_until",
        "effective_at",
        "expires_at",
    }
    assert {name for name, seen in told.items() if ("date", None) in seen} == {"commitment_end_date"}
    assert {name for name, seen in told.items() if (None, "id") in seen} == {name for name in told if name.endswith("_id")} | {"gdap_roles"}


def in_simple_form(node: Any) -> Any:
    """`{"type": "long", ...}` as `"long"`: the rule PRIMITIVES of the canonical form, forgotten by the package avro 1.12."""
    match node:
        case {"logicalType": _, "type": simple}:
            return simple
        case dict():
            return {key: in_simple_form(value) for key, value in node.items()}
        case list():
            return [in_simple_form(item) for item in node]
        case _:
            return node


def named_once(node: Any, seen: set[str]) -> Any:
    """A fixed that is used again by its name only: the package avro 1.12 writes it out each time."""
    match node:
        case {"type": "fixed", "name": name} if name in seen:
            return name
        case dict():
            seen.update([node["name"]] if node.get("type") == "fixed" else [])
            return {key: named_once(value, seen) for key, value in node.items()}
        case list():
            return [named_once(item, seen) for item in node]
        case _:
            return node


def crc_64_avro(data: bytes) -> int:
    """The bit-wise form of the algorithm in Avro's specification."""
    crc = 0xC15D213AA4D7A795
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xC15D213AA4D7A795 if crc & 1 else 0)
    return crc


def test_the_canonical_form_of_an_independent_library_has_the_same_fingerprint() -> None:
    for versions in contract().schemas.values():
        for schema in versions:
            canonical = json.loads(avro.schema.parse(json.dumps(in_simple_form(schema.json))).canonical_form)
            text = json.dumps(named_once(canonical, set()), separators=(",", ":"))
            assert crc_64_avro(text.encode()).to_bytes(8, "little") == schema.fingerprint


def test_the_fingerprint_of_the_specification_is_met() -> None:
    from processors.contract.avro import fingerprint

    # Avro 1.11 specification, "Schema Fingerprints": "int" is 0x7275d51a3f395c8f
    assert fingerprint("int") == 0x7275D51A3F395C8F.to_bytes(8, "little")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The contract's files, free to be spoilt."""
    shutil.copy(ROOT / "topics.yaml", tmp_path / "topics.yaml")
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    load(tmp_path)
    return tmp_path


def edit(path: Path, change: Any) -> None:
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def field(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in raw["fields"] if item["name"] == name)
    return found


TOPIC_FAULTS = {
    "an unknown key": (
        "    cleanup: delete\n",
        "    cleanup: delete\n    cleanups: x\n",
        "topics.subscription-purchased.cleanups: Extra inputs",
    ),
    "a missing key": ("    role: input\n", "", "topics.subscription-purchased.role: Field required"),
    "a wrong type": (
        "    partitions: 8\n",
        "    partitions: '8'\n",
        "topics.subscription-purchased.partitions: Input should be a valid integer",
    ),
    "another number of partitions": (
        "    partitions: 8\n",
        "    partitions: 9\n",
        "must have the same number, found subscription-purchased 9",
    ),
    "a repeated key": ("    role: input\n", "    role: input\n    role: output\n", "a key is repeated"),
    "a repeated topic": ("name: consent-granted", "name: cancellation", "cancellation is listed twice"),
    "no YAML": ("topics:\n", "topics: [\n", "is not YAML"),
    "a record without schema": ("record: ReviewDue", "record: ReviewDone", "topics.review-due.record: ReviewDone has no schema"),
    "a schema without topic": ("    record: ReviewDue\n", "    record: Cancellation\n", "review-due.v1.avsc: name: no topic in"),
    "a topic without record": ("    record: ReviewDue\n", "    record: null\n", "topics.review-due: record must be named"),
    "compaction with retention": ("    retention_days: 30\n", "    retention_days: 0\n", "topics.review-due.retention_days"),
}


@pytest.mark.parametrize("fault", TOPIC_FAULTS)
def test_a_fault_in_topics_yaml_is_refused_with_file_and_key(copy: Path, fault: str) -> None:
    old, new, complaint = TOPIC_FAULTS[fault]
    path = copy / "topics.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ContractError, match=r"topics\.yaml|review-due") as refused:
        load(copy)
    assert complaint in str(refused.value)


SCHEMA_FAULTS: dict[str, tuple[Any, str]] = {
    "an unknown key": (lambda raw: raw.update(docs="x"), "docs: Extra inputs are not permitted"),
    "a record without doc": (lambda raw: raw.pop("doc"), "doc: Field required"),
    "a field without doc": (lambda raw: field(raw, "kind").pop("doc"), "fields.kind.doc: Field required"),
    "an empty doc": (lambda raw: field(raw, "kind").update(doc="   "), "fields.kind.doc: String should match"),
    "a symbol without doc": (
        lambda raw: field(raw, "kind")["type"]["symbol_docs"].pop("CONSENT_REVOKED"),
        "fields.kind.type: symbol_docs: no doc for CONSENT_REVOKED",
    ),
    "a doc for no symbol": (
        lambda raw: field(raw, "kind")["type"]["symbol_docs"].update(CONSENT_LOST="Lost."),
        "fields.kind.type: symbol_docs: CONSENT_LOST is no symbol",
    ),
    "an enum without UNKNOWN": (lambda raw: field(raw, "kind")["type"].pop("default"), "fields.kind.type.default: Field required"),
    "an optional field without default": (
        lambda raw: field(raw, "reason").pop("default"),
        "fields.reason: an optional field has the default null",
    ),
    "an optional field with null last": (
        lambda raw: field(raw, "reason").update(type=["string", "null"]),
        "fields.reason: an optional field is a union",
    ),
    "a default of another kind": (
        lambda raw: field(raw, "kind").update(default="UNKNOWN"),
        "fields.kind: a default is null, false or an empty array",
    ),
    "an instant in milliseconds": (
        lambda raw: field(raw, "occurred_at")["type"].update(logicalType="timestamp-millis"),
        "fields.occurred_at.type.logicalType: Input should be",
    ),
    "a misspelt form": (lambda raw: field(raw, "event_id").update(form="ids"), "fields.event_id.form: Input should be"),
    "an unknown type": (lambda raw: field(raw, "reason").update(type=["null", "text"]), "reason[1]: unknown type 'text'"),
    "another record's name": (lambda raw: raw.update(name="Cancelled"), "name: Cancelled belongs into cancelled.v1.avsc"),
    "no namespace": (lambda raw: raw.pop("namespace"), "namespace: must be told"),
}


@pytest.mark.parametrize("fault", SCHEMA_FAULTS)
def test_a_fault_in_a_schema_is_refused_with_file_and_key(copy: Path, fault: str) -> None:
    change, complaint = SCHEMA_FAULTS[fault]
    edit(copy / "schemas" / "cancellation.v1.avsc", change)
    with pytest.raises(ContractError, match=r"cancellation\.v1\.avsc") as refused:
        load(copy)
    assert complaint in str(refused.value)


def test_a_schema_that_repeats_a_key_is_refused(copy: Path) -> None:
    path = copy / "schemas" / "review-due.v1.avsc"
    path.write_text(path.read_text().replace('"doc"', '"name": "x", "doc"', 1))
    with pytest.raises(ContractError, match=r"review-due\.v1\.avsc: is not JSON: a key is repeated: name"):
        load(copy)


def test_a_version_that_leaves_one_out_is_refused(copy: Path) -> None:
    shutil.copy(copy / "schemas" / "review-due.v1.avsc", copy / "schemas" / "review-due.v3.avsc")
    with pytest.raises(ContractError, match=r"review-due\.v3\.avsc: version: 2 is missing"):
        load(copy)


def test_a_file_that_is_no_schema_is_refused(copy: Path) -> None:
    (copy / "schemas" / "review-due.avsc").write_text("{}")
    with pytest.raises(ContractError, match=r"review-due\.avsc: name: expected <record>\.v<version>\.avsc"):
        load(copy)


def test_a_record_without_example_is_refused(copy: Path) -> None:
    (copy / "examples" / "outputs" / "dead-letters.jsonl").unlink()
    with pytest.raises(ContractError, match="no example of DeadLetter for topic dead-letters"):
        load(copy)


def test_the_contract_is_found_from_any_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(folder()).inputs == contract().inputs
