"""How does an auditor take journal and decisions away from Kafka? As a folder that is whole or not there: written beside, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record, entries_of
from processors.audit.jsonl_form import JsonLinesFile
from processors.audit.kafka_source import KafkaSource
from processors.audit.manifest import ExportedFile, Manifest, digest_of
from processors.audit.parquet_form import ParquetFile, check_there
from processors.audit.sources import SourceUnreadable, Wanted
from processors.codec import MessageRejected, decode_decision
from processors.contract import contract

_WRITERS: Final[dict[str, type[JsonLinesFile | ParquetFile]]] = {"jsonl": JsonLinesFile, "parquet": ParquetFile}
REPORT_EVERY: Final = 1_000


@dataclass(slots=True)
class _Reached:
    """How far the journal of a partition came, by input topic: what was decided later is not exported."""

    read: dict[tuple[str, int], int] = field(default_factory=dict)
    since: dict[tuple[str, int], int] = field(default_factory=dict)

    def is_newer(self, record: Record, source: KafkaSource) -> bool:
        """Whether a decision was made after the journal was exported."""
        try:
            cause = decode_decision(record.value, registry=source.schemas).caused_by
        except MessageRejected:
            return False
        if cause.partition is None or cause.offset is None:
            return False
        place = cause.topic, cause.partition
        return self.read.get(place, -1) < cause.offset <= self.since.get(place, -1)


def export(
    source: KafkaSource,
    folder: Path,
    format_: str,
    *,
    customer: str | None = None,
    inputs: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Write journal, decisions and view (and the inputs and dead letters) as a folder that is not there yet.

    Raises:
        SourceUnreadable: Kafka cannot be read, the folder is there, or Parquet cannot be written. Nothing is left behind.
        OSError: the disk does not take it.
    """
    if folder.exists():
        raise SourceUnreadable(f"{folder}: is there already; an export never adds to a folder")
    if format_ == "parquet":
        check_there()
    beside = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    beside.mkdir(parents=True)
    try:
        manifest = _write(source, beside, format_, customer, inputs, progress)
        manifest.write(beside)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return manifest


def _write(
    source: KafkaSource, folder: Path, format_: str, customer: str | None, inputs: bool, progress: Callable[[int], None]
) -> Manifest:
    files: list[ExportedFile] = []
    reached, done = _Reached(), 0
    topics = [JOURNAL, DECISIONS, IN_FORCE, *((*contract().inputs, "dead-letters") if inputs else ())]
    for topic in topics:
        (folder / topic).mkdir()
        if topic == DECISIONS:
            _note_since(source, reached)
        for partition in source.partitions(topic):
            path = folder / topic / f"{partition}.{format_}"
            records: Iterator[Record] = source.records(topic, Wanted(partition=partition, customer=customer))
            if topic == JOURNAL:
                records = _noted(records, reached, source)
            elif topic in {DECISIONS, IN_FORCE}:
                records = (record for record in records if not reached.is_newer(record, source))
            exported = _write_file(records, path, topic, partition, format_, source, partial(_progress, progress, done))
            done += exported.records
            files.append(exported)
    return Manifest(format=format_, customer=customer, files=tuple(files), schemas=dict(source.schemas.known))


def _progress(progress: Callable[[int], None], before: int, count: int) -> None:
    progress(before + count)


def _noted(records: Iterable[Record], reached: _Reached, source: KafkaSource) -> Iterator[Record]:
    """The same, with a note of how far it came."""
    for record in records:
        yield record
        try:
            [entry] = entries_of([record], source.schemas)
        except MessageRejected:
            continue
        reached.read[entry.told.topic, entry.told.partition] = entry.told.offset
        reached.since[JOURNAL, record.partition] = record.offset


def _note_since(source: KafkaSource, reached: _Reached) -> None:
    """What the journal got while it was exported."""
    for partition in source.partitions(JOURNAL):
        first = reached.since.get((JOURNAL, partition), -1) + 1
        for record in source.records(JOURNAL, Wanted(partition=partition, offset=first)):
            try:
                [entry] = entries_of([record], source.schemas)
            except MessageRejected:
                continue
            reached.since[entry.told.topic, entry.told.partition] = entry.told.offset


def _write_file(
    records: Iterable[Record], path: Path, topic: str, partition: int, format_: str, source: KafkaSource, progress: Callable[[int], None]
) -> ExportedFile:
    count = 0
    first = last = earliest = latest = None
    with _WRITERS[format_](path, topic) as file:
        for record in records:
            file.write(record, source.schemas)
            count += 1
            first, last = record.offset if first is None else first, record.offset
            if record.timestamp is not None:
                earliest = record.timestamp if earliest is None else min(earliest, record.timestamp)
                latest = record.timestamp if latest is None else max(latest, record.timestamp)
            if count % REPORT_EVERY == 0:
                progress(count)
    progress(count)
    return ExportedFile(
        topic=topic,
        partition=partition,
        path=f"{topic}/{partition}.{format_}",
        records=count,
        first_offset=first,
        last_offset=last,
        first_timestamp=earliest,
        last_timestamp=latest,
        bytes=path.stat().st_size,
        sha256=digest_of(path),
    )
