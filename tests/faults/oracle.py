"""Is what the workers left in Kafka exactly what the inputs demand: nothing lost, nothing twice, in order, and the state the same
everywhere?

Reads with an independent client (librdkafka) and computes everything again with `job.handle`. The order between topics is the workers'
choice; the
journal tells it, and everything else must follow from it byte for byte.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.faults import job

READ_SECONDS_MAX = 60.0
SHOWN_MAX = 12  # findings shown of each kind; one fault often shows in thousands of records


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a consumer sees it."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Marker:
    """A changelog record that says how far the input topic was read when the rows before it were written."""

    topic: str
    offset: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a run lives: names are `prefix + name`; `marker` tells a changelog record of the engine's own from a row (None)."""

    bootstrap: str
    prefix: str
    group: str
    partitions: int
    changelog: str
    marker: Callable[[Record], tuple[Marker, ...] | None]

    def name(self, topic: str) -> str:
        return self.prefix + topic


@dataclass(slots=True)
class Verdict:
    """What the oracle saw: counts of records, and what is wrong, by kind."""

    inputs: int = 0
    journal: int = 0
    decisions: int = 0
    dead_letters: int = 0
    aborted: int = 0
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def find(self, kind: str, text: str) -> None:
        self.wrong[kind].append(text)

    @property
    def kinds(self) -> set[str]:
        return set(self.wrong)

    def __str__(self) -> str:
        counts = f"inputs {self.inputs}, journal {self.journal}, decisions {self.decisions}, dead letters {self.dead_letters}, "
        counts += f"aborted {self.aborted}"
        lines = [f"{kind} ({len(texts)}): " + "; ".join(texts[:SHOWN_MAX]) for kind, texts in sorted(self.wrong.items())]
        return "\n  ".join([counts, *(lines or ["sound"])])

    def require_sound(self) -> None:
        if self.wrong:
            raise AssertionError(f"the oracle found:\n  {self}")


def consumer(bootstrap: str, committed: bool, group: str = "oracle") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "fetch.wait.max.ms": 50,
            "log_level": 2,
        }
    )


def read(bootstrap: str, topics: Iterable[str], partitions: int, committed: bool = True) -> dict[str, list[Record]]:
    """All records of each topic as they stand now, by partition and offset. Raises TimeoutError when an end is not reached."""
    found: dict[str, list[Record]] = {topic: [] for topic in topics}
    missing = {(topic, partition) for topic in found for partition in range(partitions)}
    reader = consumer(bootstrap, committed)
    try:
        reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in sorted(missing)])
        limit = time.monotonic() + READ_SECONDS_MAX
        while missing:
            if time.monotonic() > limit:
                raise TimeoutError(f"no end of {sorted(missing)}")
            for message in reader.consume(5000, 0.1):
                error = message.error()
                if error is None:
                    topic, record = _record(message)
                    found[topic].append(record)
                elif error.code() == KafkaError._PARTITION_EOF:  # the binding's own name for it
                    missing.discard((message.topic(), message.partition()))
                else:
                    raise KafkaException(error)
    finally:
        reader.close()
    return {topic: sorted(records, key=lambda record: (record.partition, record.offset)) for topic, records in found.items()}


def _record(message: Message) -> tuple[str, Record]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return topic, Record(partition, offset, message.key() or b"", message.value())


def committed_offsets(layout: Layout, seconds_max: float = 10.0) -> dict[tuple[str, int], int]:
    """The group's offsets by (topic without prefix, partition); -1001 where none is committed.

    Raises KafkaException when the broker does not say.
    """
    reader = consumer(layout.bootstrap, committed=True, group=layout.group)
    try:
        asked = [TopicPartition(layout.name(topic), partition) for topic in job.INPUTS for partition in range(layout.partitions)]
        answers = reader.committed(asked, timeout=seconds_max)
        for answer in answers:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return {(answer.topic.removeprefix(layout.prefix), answer.partition): answer.offset for answer in answers}
    finally:
        reader.close()


def end_offsets(layout: Layout, seconds_max: float = 10.0) -> dict[tuple[str, int], int]:
    """Where the input topics end, by (topic without prefix, partition)."""
    reader = consumer(layout.bootstrap, committed=False)
    try:
        return {
            (topic, partition): reader.get_watermark_offsets(TopicPartition(layout.name(topic), partition), timeout=seconds_max)[1]
            for topic in job.INPUTS
            for partition in range(layout.partitions)
        }
    finally:
        reader.close()


def judge(layout: Layout, fed: Iterable[job.Input] | None) -> Verdict:
    """Compare everything in Kafka with the inputs. `fed` is what the feed meant to produce; None where a test fed by other means.

    Findings by kind: FEED (the test's own fault), LOST, TWICE, ORDER, JOURNAL, DECISIONS, DEAD LETTERS, CHANGELOG, MARKERS, OFFSETS.
    """
    verdict = Verdict()
    written = (*job.OUTPUTS, layout.changelog)
    names = [layout.name(topic) for topic in (*job.INPUTS, *written)]
    clean, everything = (read(layout.bootstrap, names, layout.partitions, committed) for committed in (True, False))
    seen = {topic: clean[layout.name(topic)] for topic in job.INPUTS}
    outputs = {topic: clean[layout.name(topic)] for topic in written}
    verdict.inputs = sum(map(len, seen.values()))
    verdict.aborted = sum(len(everything[layout.name(topic)]) - len(outputs[topic]) for topic in written)
    if fed is not None:
        _check_feed(verdict, seen, fed)
    inputs = {(record.partition, topic, record.offset): record for topic, records in seen.items() for record in records}
    verdict.journal, verdict.decisions, verdict.dead_letters = (len(outputs[topic]) for topic in job.OUTPUTS)

    replayed = _Replay(verdict, inputs)
    replayed.journal(outputs[job.JOURNAL])
    replayed.dead_letters(outputs[job.DEAD_LETTERS])
    replayed.nothing_lost()
    _check_decisions(verdict, outputs[job.DECISIONS], replayed.decisions)
    marks = _check_changelog(verdict, layout, outputs[layout.changelog], replayed.states)
    _check_positions(verdict, end_offsets(layout), committed_offsets(layout), marks)
    return verdict


class _Replay:
    """Applies the inputs in the order the journal names."""

    def __init__(self, verdict: Verdict, inputs: dict[tuple[int, str, int], Record]) -> None:
        self._verdict = verdict
        self._inputs = inputs
        self._times: Counter[tuple[int, str, int]] = Counter()
        self._rows: dict[bytes, bytes] = {}
        self.states: dict[bytes, dict[int, bytes]] = defaultdict(dict)  # by customer and sequence
        self.decisions: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)  # by partition

    def _claim(self, entry: Record, last: dict[tuple[int, str], int], what: str) -> tuple[str, Record] | None:
        """The input an output names, if it exists, is of the same customer, is new, and comes after its predecessor of the same topic."""
        assert entry.value is not None
        fields = json.loads(entry.value)
        place = (entry.partition, fields["topic"], fields["offset"])
        source = self._inputs.get(place)
        text = f"{what} {entry.partition}:{entry.offset} for {place}"
        if source is None or source.key != entry.key:
            self._verdict.find("JOURNAL", f"{text} names no input of {entry.key!r}")
            return None
        self._times[place] += 1
        if self._times[place] > 1:
            self._verdict.find("TWICE", text)
            return None
        if place[2] <= last.get(place[:2], -1):
            self._verdict.find("ORDER", text)
        last[place[:2]] = place[2]
        return fields["topic"], source

    def journal(self, entries: list[Record]) -> None:
        last: dict[tuple[int, str], int] = {}
        for entry in entries:
            claimed = self._claim(entry, last, "journal")
            if claimed is None:
                continue
            topic, source = claimed
            assert source.value is not None
            try:
                effect = job.handle(self._rows.get(entry.key), topic, source.offset, source.value)
            except job.UndecodableError:
                self._verdict.find("JOURNAL", f"{entry.partition}:{entry.offset} applies an undecodable record")
                continue
            if effect.journal != entry.value:
                self._verdict.find("JOURNAL", f"{entry.partition}:{entry.offset} is {entry.value!r}, replay says {effect.journal!r}")
            self._rows[entry.key] = row = effect.state.encode()
            self.states[entry.key][effect.state.sequence] = row
            if effect.decision is not None:
                self.decisions[entry.partition].append((entry.key, effect.decision))

    def dead_letters(self, letters: list[Record]) -> None:
        last: dict[tuple[int, str], int] = {}
        for letter in letters:
            claimed = self._claim(letter, last, "dead letter")
            if claimed is None:
                continue
            topic, source = claimed
            expected = _reason(source)
            if expected is None or letter.value != job.refusal(topic, source.offset, expected):
                self._verdict.find("DEAD LETTERS", f"{letter.partition}:{letter.offset} is {letter.value!r}, expected reason {expected}")

    def nothing_lost(self) -> None:
        for place in self._inputs:
            if not self._times[place]:
                self._verdict.find("LOST", str(place))


def _reason(source: Record) -> job.Refusal | None:
    try:
        return job.Refusal.TOO_LARGE if job.decode(source.value or b"").decision_bytes >= job.OVERSIZE_BYTES else None
    except job.UndecodableError:
        return job.Refusal.UNDECODABLE


def _check_feed(verdict: Verdict, seen: dict[str, list[Record]], fed: Iterable[job.Input]) -> None:
    meant: Counter[tuple[str, bytes, bytes | None]] = Counter((one.topic, one.key, one.value) for one in fed)
    there = Counter((topic, record.key, record.value) for topic, records in seen.items() for record in records)
    if missing := meant - there:  # too many is no fault: a producer may repeat what it was not sure of
        verdict.find("FEED", f"{sum(missing.values())} inputs are missing: {list(missing)[:3]}")


def _check_decisions(verdict: Verdict, seen: list[Record], expected: dict[int, list[tuple[bytes, bytes]]]) -> None:
    by_partition: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for record in seen:
        by_partition[record.partition].append((record.key, record.value or b""))
    for partition in expected.keys() | by_partition.keys():
        if by_partition[partition] != expected[partition]:
            verdict.find(
                "DECISIONS", f"partition {partition}: {len(by_partition[partition])} seen, {len(expected[partition])} expected, or others"
            )


def _check_changelog(
    verdict: Verdict, layout: Layout, records: list[Record], states: dict[bytes, dict[int, bytes]]
) -> dict[tuple[str, int], int]:
    """Each row is a state of the replay, sequences only rise, the last row is the last state. Returns the last markers."""
    marks: dict[tuple[str, int], int] = {}
    last: dict[bytes, int] = {}
    for record in records:
        markers = layout.marker(record)
        if markers is not None:
            for marker in markers:
                place = (marker.topic.removeprefix(layout.prefix), record.partition)
                if marker.offset < marks.get(place, 0):
                    verdict.find("MARKERS", f"{place} goes back from {marks[place]} to {marker.offset}")
                marks[place] = marker.offset
            continue
        assert record.value is not None
        sequence = job.State.decode(record.value).sequence
        if states[record.key].get(sequence) != record.value or sequence <= last.get(record.key, 0):
            verdict.find("CHANGELOG", f"{record.partition}:{record.offset} {record.key!r} sequence {sequence} after {last.get(record.key)}")
        last[record.key] = sequence
    for key, known in states.items():
        if known and last.get(key) != max(known):
            verdict.find("CHANGELOG", f"{key!r} ends at sequence {last.get(key)}, replay at {max(known)}")
    return marks


def _check_positions(
    verdict: Verdict, ends: dict[tuple[str, int], int], committed: dict[tuple[str, int], int], marks: dict[tuple[str, int], int]
) -> None:
    for place, end in ends.items():
        if end and committed.get(place) != end:
            verdict.find("OFFSETS", f"{place} committed {committed.get(place)}, ends at {end}")
        if end and marks.get(place) != end:
            verdict.find("MARKERS", f"{place} marked {marks.get(place)}, ends at {end}")
