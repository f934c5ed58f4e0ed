"""Is every kind of damage found and named, once and at its place, and nothing reported where nothing was damaged?

The journal is the released one, which the real worker wrote; tests/audit/test_verify.py damages one on the real broker.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import pytest

from processors.audit import applied, chaining, customer, decided, in_force, recomputing, tails, verifying
from processors.audit.checkpoint import Checkpoint, checkpoint_of
from processors.audit.damage import MEANINGS, Damage
from processors.audit.entries import JOURNAL, Record
from processors.audit.folder_source import FolderSource
from processors.audit.verifying import Task, verify
from processors.contract import Disposition, contract
from tests.audit import tampering as t
from tests.audit.memory import MemorySource
from tests.audit.tampering import KINDS, Tampered, told

DAMAGES_PER_KIND = 125
SUBSETS = 20
TOPICS = tuple(topic.name for topic in contract().topics.values() if topic.record is not None)


class Journals:
    """Small parts of the released journal: a few customers of one partition, undamaged."""

    def __init__(self, source: FolderSource) -> None:
        self.records = [record for topic in TOPICS for record in source.records(topic)]
        self.subset = cache(self._subset)

    def _subset(self, number: int) -> tuple[tuple[Record, ...], Checkpoint]:
        drawn = random.Random(number)
        entries = [record for record in self.records if record.topic == JOURNAL]
        partition = drawn.choice(entries).partition
        keys = sorted({record.key for record in entries if record.partition == partition and record.key is not None})
        chosen = set(drawn.sample(keys, min(len(keys), 2 + number % 3)))
        records = tuple(
            record for record in self.records if (record.key or b"").partition(b"|")[0] in chosen or record.topic == "dead-letters"
        )
        source = MemorySource(records)
        report = verify(Task(source=source, inputs=True))
        assert not report.findings
        return records, checkpoint_of(report.read, source.partitions(JOURNAL))


@pytest.fixture(scope="module")
def journals(released_source: FolderSource) -> Journals:
    return Journals(released_source)


def named(tampered: Tampered, known: Checkpoint) -> list[tuple[str, bool]]:
    """What is reported of it: each name, and whether its place is right."""
    checked = known if tampered.checkpoint else None
    report = verify(Task(source=MemorySource(tampered.records), checkpoint=checked, inputs=tampered.inputs))
    return [(finding.damage.value, finding.place in tampered.places) for finding in report.findings]


Kind = Callable[[random.Random, list[Record]], Tampered | None]


def damages(kind: Kind, journals: Journals, number: int) -> list[tuple[int, Tampered, Checkpoint]]:
    """So many damages of a kind, each with the seed that draws it again."""
    made: list[tuple[int, Tampered, Checkpoint]] = []
    for seed in count():
        records, known = journals.subset(seed % SUBSETS)
        tampered = kind(random.Random(f"{kind.__name__}/{seed}"), list(records))
        if tampered is not None:
            made.append((seed, tampered, known))
        if len(made) == number:
            return made
        assert seed < 20 * number, "hardly any part of the journal can be damaged so"
    return made


@pytest.fixture(scope="module")
def verdicts() -> dict[Any, customer.Verdict]:
    return {}


@pytest.fixture
def untouched_once(verdicts: dict[Any, customer.Verdict], monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers that a damage leaves alone are most of the work, and their verdicts are known: the same records, the same verdict."""

    def once(name: str, records: Mapping[str, Sequence[Record]], scope: customer.Scope) -> customer.Verdict:
        starts = None if scope.starts is None else frozenset(scope.starts.items())
        whole = name, scope.decisions, scope.view, starts, tuple((topic, tuple(each)) for topic, each in records.items())
        if whole not in verdicts:
            verdicts[whole] = customer.verify_customer(name, records, scope)
        return verdicts[whole]

    monkeypatch.setattr(verifying, "verify_customer", once)


@pytest.mark.usefixtures("untouched_once")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_damage_is_named_once_at_its_place(kind: Kind, journals: Journals) -> None:
    wrong = []
    for seed, tampered, known in damages(kind, journals, DAMAGES_PER_KIND):
        found = named(tampered, known)
        if found != [(tampered.damage.value, True)]:
            wrong.append((seed, tampered.damage.value, found))
    assert wrong == []


def test_nothing_is_reported_where_nothing_was_damaged(journals: Journals, released_source: FolderSource) -> None:
    for number in range(SUBSETS):
        records, known = journals.subset(number)
        for inputs in (False, True):
            assert verify(Task(source=MemorySource(records), checkpoint=known, inputs=inputs)).findings == []
        assert verify(Task(source=MemorySource([each for each in records if each.topic == JOURNAL]))).findings == []
    assert verify(Task(source=released_source)).findings == []


# what is switched off, where, and a kind of damage that must not be found any more
DEFECTS: list[tuple[Any, str, Any, Kind]] = [
    (chaining, "entry_hash", lambda told: told.entry_hash, t.byte_of_an_entry),
    (chaining, "is_written_as", lambda *_: True, t.entry_in_other_bytes),
    (chaining, "_without_repeats", lambda items, _: list({item.entry.told.entry_hash: item for item in items}.values()), t.entry_repeated),
    (chaining, "out_of_order", lambda _: [], t.entries_swapped),
    (chaining, "_fill_gaps", lambda chain, _, result: result.items.extend(chain), t.entries_removed),
    (chaining, "_fill_gaps", lambda chain, _, result: result.items.extend(chain), t.entry_added),
    (chaining, "_fill_gaps", lambda chain, _, result: result.items.extend(chain), t.junk_added),
    (recomputing._Walk, "_does_not_follow", lambda *_: None, t.entry_and_all_hashes_behind_it),
    (decided, "follows", lambda *_: True, t.another_answer),
    (decided, "_report_missing", lambda *_: None, t.decisions_missing),
    (decided, "out_of_order", lambda _: [], t.decisions_swapped),
    (tails, "foreign", lambda *_: None, t.decision_of_a_stranger),
    (customer, "foreign", lambda *_: None, t.decision_made_up),
    (in_force, "_is", lambda *_: True, t.byte_of_the_view),
    (in_force, "_is", lambda *_: True, t.view_left_behind),
    (in_force, "_missing", lambda *_: None, t.view_without_a_pair),
    (verifying, "compare", lambda *_: [], t.customer_wiped_out),
    (applied, "_differing", lambda *_: "", t.input_altered),
    (tails, "_cut_off", lambda *_: None, t.tail_cut_off),
]


@pytest.mark.parametrize(("module", "name", "off", "kind"), DEFECTS, ids=[f"{name}-{kind.__name__}" for _, name, _, kind in DEFECTS])
def test_the_suite_fails_when_a_comparison_is_switched_off(
    module: Any, name: str, off: Any, kind: Kind, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = damages(kind, journals, 12)
    assert all(named(tampered, known) == [(tampered.damage.value, True)] for _, tampered, known in made)
    monkeypatch.setattr(module, name, off)

    def is_missed(tampered: Tampered, known: Checkpoint) -> bool:
        try:
            return named(tampered, known) != [(tampered.damage.value, True)]
        except AttributeError:  # a finding that is None
            return True

    assert any(is_missed(tampered, known) for _, tampered, known in made)


def test_every_name_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Damage)


def test_a_tail_is_missed_without_a_checkpoint_only_where_decisions_do_not_show_it(journals: Journals) -> None:
    """The decisions of the entries cut off are still there: one finding for all of them, behind the last entry."""
    found = 0
    for _, tampered, _ in damages(t.tail_cut_off, journals, 40):
        report = verify(Task(source=MemorySource(tampered.records)))
        assert {finding.damage for finding in report.findings} <= {Damage.CUT_OFF_TAIL}
        assert len(report.findings) <= 1
        found += len(report.findings)
    assert found > 20


def test_an_entry_of_an_unknown_policy_or_revision_is_named_so_and_takes_nothing_else_with_it(journals: Journals) -> None:
    for damage, change in ((Damage.UNKNOWN_POLICY, {"policy_fingerprint": "0" * 64}), (Damage.UNKNOWN_REVISION, {"core_revision": 99})):
        records = list(journals.subset(0)[0])
        numbers = t.chosen(random.Random(1), records, JOURNAL, 3)
        head = None
        for place, number in enumerate(numbers):
            entry = told(records[number])
            entry = replace(entry, previous_hash=head or entry.previous_hash, **(change if place else {}))
            records[number] = t.written(records[number], entry)
            head = told(records[number]).entry_hash
        findings = verify(Task(source=MemorySource(records))).findings
        assert [(finding.damage, finding.place) for finding in findings] == [(damage, records[numbers[1]].place)]


def test_what_an_older_revision_decided_otherwise_is_no_damage(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    for _, tampered, _ in damages(t.entry_and_all_hashes_behind_it, journals, 12):
        monkeypatch.setattr(recomputing, "REVISION", 2)
        report = verify(Task(source=MemorySource(tampered.records)))
        assert report.findings == []
        assert [finding.place for finding in report.otherwise] == list(tampered.places)


def test_a_switch_that_was_set_otherwise_is_known_by_its_fingerprint(released_source: FolderSource) -> None:
    """Every released version of the policy is tried, with the switch as shipped, off and as set."""
    report = verify(Task(source=released_source, licence_transfer_from=None))
    assert report.findings == []
    report = verify(Task(source=released_source, licence_transfer_from=1_711_929_600_000_000))
    assert report.findings == []


def test_findings_outside_the_time_asked_for_are_not_named(journals: Journals) -> None:
    records, _ = journals.subset(0)
    tampered = t.byte_of_a_decision(random.Random(3), list(records))
    [finding] = verify(Task(source=MemorySource(tampered.records))).findings
    assert finding.timestamp is not None
    assert verify(Task(source=MemorySource(tampered.records), since=finding.timestamp, until=finding.timestamp)).findings == [finding]
    assert verify(Task(source=MemorySource(tampered.records), since=finding.timestamp + 1)).findings == []
    assert verify(Task(source=MemorySource(tampered.records), until=finding.timestamp - 1)).findings == []


def test_an_input_that_was_passed_over_is_named(journals: Journals) -> None:
    """A record between two that were applied, in neither the journal nor the dead letters."""
    records = list(journals.subset(0)[0])
    number = next(number for number in t.named_inputs(records) if records[number].offset > 0 and not _others(records, number))
    passed_over = replace(records[number], offset=records[number].offset - 1, place="passed over")
    later = [
        each
        for each in t.named_inputs(records)
        if (records[each].topic, records[each].partition) == (passed_over.topic, passed_over.partition)
    ]
    assert later
    [finding] = verify(Task(source=MemorySource([*records, passed_over]), inputs=True)).findings
    assert (finding.damage, finding.place) == (Damage.INPUT_NOT_APPLIED, "passed over")


def _others(records: list[Record], number: int) -> bool:
    """Whether a record stands right before this one in its topic, or a dead letter was one."""
    record = records[number]
    return any((each.topic, each.partition, each.offset) == (record.topic, record.partition, record.offset - 1) for each in records)


def test_an_input_that_was_applied_twice_is_named(journals: Journals) -> None:
    records = list(journals.subset(0)[0])
    numbers = t.chosen(random.Random(2), records, JOURNAL, 3)
    entry = told(records[numbers[-1]])
    again = replace(
        entry, sequence=entry.sequence + 1, previous_hash=entry.entry_hash, decision_ids=(), disposition=Disposition.DUPLICATE_IGNORED
    )
    made = replace(t.written(records[numbers[-1]], again), offset=1_000_000, place="again")
    findings = verify(Task(source=MemorySource([*records, made]))).findings
    assert [(finding.damage, finding.place) for finding in findings] == [(Damage.INPUT_APPLIED_TWICE, "again")]
