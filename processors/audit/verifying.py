"""Is the journal whole, and does everything follow from it? Two passes: records are brought together by customer, customers are verified.

Both passes run over processes, the first by partition, the second by bucket. The journal is read before what follows from it, so that a
worker may go on writing; decisions made after the journal was read are looked up in what it got since.
"""

from __future__ import annotations

import gc
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import active_children, get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from processors.audit.checkpoint import Checkpoint, compare
from processors.audit.customer import Scope, Verdict, verify_customer
from processors.audit.damage import Finding
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL
from processors.audit.grouping import Mark, PartitionRead, Reading, Scattering, buckets_for, customers_of
from processors.audit.kafka_source import FetchedSchemas
from processors.audit.policies import Policies
from processors.audit.sources import Part, Source, SourceUnreadable, Wanted
from processors.audit.tails import settle_beyond, settle_unapplied
from processors.contract import contract
from processors.core.policy import LICENCE_TRANSFER_FROM
from processors.core.state import RECENT_MAX

GARBAGE_THRESHOLDS: Final = (100_000, 50, 100)
DEAD_LETTERS: Final = "dead-letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be verified, and under which settings."""

    source: Source
    customer: str | None = None
    since: int | None = None
    until: int | None = None
    decisions: bool = True
    inputs: bool = False
    checkpoint: Checkpoint | None = None
    processes: int = 1
    licence_transfer_from: int | None = LICENCE_TRANSFER_FROM
    recent_max: int = RECENT_MAX
    scratch: Path | None = None


@dataclass(slots=True)
class Report:
    """What came of it; findings by place."""

    findings: list[Finding] = field(default_factory=list)
    otherwise: list[Finding] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    read: dict[tuple[str, int], PartitionRead] = field(default_factory=dict)
    compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scattered:
    """What a process brings back from the first pass."""

    read: dict[tuple[str, int], PartitionRead]
    schemas: dict[int, str]


def verify(task: Task, progress: Callable[[str, int, int], None] = lambda *_: None) -> Report:
    """Everything; `progress` is told a phase, how much of it is done, and how much there is. SourceUnreadable."""
    others = [DECISIONS, IN_FORCE, *((*contract().inputs, DEAD_LETTERS) if task.inputs else ())] if task.decisions else []
    if task.inputs and not task.decisions:
        others = [*contract().inputs, DEAD_LETTERS]
    with TemporaryDirectory(prefix="multichannel-verify-", dir=task.scratch) as name, _executor(task.processes) as executor:
        folder = Path(name)
        buckets = buckets_for(task.source.expected_bytes((JOURNAL, *others)))
        marks = {} if task.checkpoint is None else task.checkpoint.marks()
        first = task.source.parts((JOURNAL,))
        rest = [part for part in task.source.parts(others) if part not in first]
        report, schemas, names = Report(), dict[int, str](), []
        done = 0
        for parts in (first, rest):
            jobs = [
                (task.source, part, Wanted(customer=task.customer), folder, f"{done + number}", buckets, marks)
                for number, part in enumerate(parts)
            ]
            for scattered in _run(executor, _scatter, jobs):
                report.read.update(scattered.read)
                schemas |= scattered.schemas
                done += 1
                progress("reading", done, len(first) + len(rest))
            names += [job[4] for job in jobs]
        _require_schemas(task.source, report.read, schemas)
        present = {part.topic for part in (*first, *rest)} | {topic for topic, _ in report.read}
        scope = _scope(task, present, report)
        verdict = Verdict()
        jobs_2 = [(scope, task, folder, bucket, tuple(names), schemas) for bucket in range(buckets)]
        for number, part_verdict in enumerate(_run(executor, _verify_bucket, jobs_2), 1):
            verdict.add(part_verdict)
            progress("verifying", number, buckets)
    return _report(task, report, verdict, scope)


def _require_schemas(source: Source, read: Mapping[tuple[str, int], PartitionRead], schemas: Mapping[int, str]) -> None:
    """A journal written with a schema registry cannot be read without one: that is no damage. A few records of that look may be one."""
    journal = [each for (topic, _), each in read.items() if topic == JOURNAL]
    registered, records = sum(each.registered for each in journal), sum(each.records for each in journal)
    if not schemas and 2 * registered > records:
        raise SourceUnreadable(
            f"{source.name}: {registered:,} of {records:,} journal entries name their schema by an id that no registry knows;"
            " set schema_registry_urls as the worker has it, or verify what `multichannel export` wrote with it"
        )


def heads(
    source: Source, processes: int, progress: Callable[[str, int, int], None] = lambda *_: None
) -> dict[tuple[str, int], PartitionRead]:
    """What is in each partition of the journal, and its tree, without verifying anything. SourceUnreadable."""
    read: dict[tuple[str, int], PartitionRead] = {}
    with _executor(processes) as executor:
        parts = source.parts((JOURNAL,))
        for number, found in enumerate(_run(executor, _heads_of, [(source, part) for part in parts]), 1):
            read.update(found)
            progress("reading", number, len(parts))
    return read


def _heads_of(source: Source, part: Part) -> dict[tuple[str, int], PartitionRead]:
    reading = Reading({})
    for record in source.read_part(part):
        if record.topic == JOURNAL:
            reading.note(record)
    return reading.read


@dataclass(frozen=True, slots=True)
class Compared:
    """As `Scope`, in a form that goes to other processes."""

    decisions: bool
    view: bool
    starts: dict[tuple[str, int], int] | None


def _scope(task: Task, present: set[str | None], report: Report) -> Compared:
    """What can be compared: where a file holds the journal alone nothing else is missed."""
    starts = None
    if task.inputs:
        if not present.intersection(contract().inputs):
            raise SourceUnreadable(f"{task.source.name}: holds no input topics to compare with")
        starts = {place: read.first_offset for place, read in report.read.items() if place[0] in contract().inputs}
    return Compared(task.decisions and DECISIONS in present, task.decisions and IN_FORCE in present, starts)


def _report(task: Task, report: Report, verdict: Verdict, scope: Compared) -> Report:
    findings = verdict.findings
    findings += settle_beyond(verdict, report.read, task.source)
    if scope.starts is not None:
        findings += settle_unapplied(verdict, task.source, task.customer)
    if task.checkpoint is not None:
        damaged = Counter(finding.partition for finding in findings if finding.topic == JOURNAL)
        findings += compare(task.checkpoint, report.read, damaged)
    report.findings = sorted(_in_range(findings, task), key=lambda finding: finding.order)
    report.otherwise = sorted(_in_range(verdict.otherwise, task), key=lambda finding: finding.order)
    report.figures = verdict.figures
    chosen = ((JOURNAL, True), (DECISIONS, scope.decisions), (IN_FORCE, scope.view), ("inputs", scope.starts is not None))
    report.compared = (*(name for name, so in chosen if so), *(("checkpoint",) if task.checkpoint else ()))
    return report


def _in_range(findings: Iterable[Finding], task: Task) -> Iterator[Finding]:
    for finding in findings:
        at = finding.timestamp
        if at is None or ((task.since is None or at >= task.since) and (task.until is None or at <= task.until)):
            yield finding


@contextmanager
def _executor(processes: int) -> Iterator[Executor | None]:
    """Other processes, or none where one is enough."""
    if processes == 1:
        yield None
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_tune) as executor:
        try:
            yield executor
        except BaseException:
            for process in active_children():  # a job under way may take minutes, and nobody waits for it any more
                process.terminate()
            executor.shutdown(cancel_futures=True)
            raise


def _tune() -> None:
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _run(executor: Executor | None, function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """The results in the order of the jobs."""
    if executor is None:
        yield from (function(*job) for job in jobs)
        return
    # Submitting starts the processes. They inherit what is blocked: a terminal sends Ctrl-C to all, but only this one answers.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        futures: list[Future[Any]] = [executor.submit(function, *job) for job in jobs]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    yield from (future.result() for future in futures)


def _scatter(source: Source, part: Part, wanted: Wanted, folder: Path, name: str, buckets: int, marks: dict[int, Mark]) -> Scattered:
    """The first pass over one part."""
    scattering = Scattering(folder, name, buckets, marks)
    scattering.take(source.read_part(part, wanted), source.schemas)
    scattering.flush()
    schemas = source.schemas
    return Scattered(scattering.read, schemas.known if isinstance(schemas, FetchedSchemas) else {})


def _verify_bucket(compared: Compared, task: Task, folder: Path, bucket: int, names: tuple[str, ...], known: dict[int, str]) -> Verdict:
    """The second pass over one bucket."""
    schemas = FetchedSchemas()
    schemas.known = known
    policies = _policies(task.licence_transfer_from)
    scope = Scope(policies, task.recent_max, schemas, compared.decisions, compared.view, compared.starts)
    verdict = Verdict()
    for customer, records in customers_of(folder, bucket, names).items():
        if all(_outside(each.timestamp, task) for of_topic in records.values() for each in of_topic):
            verdict.figures.update(customers_outside=1)
            continue
        verdict.add(verify_customer(customer.decode("utf-8", "backslashreplace"), records, scope))
    return verdict


def _outside(timestamp: int | None, task: Task) -> bool:
    if timestamp is None:
        return False
    return (task.since is not None and timestamp < task.since) or (task.until is not None and timestamp > task.until)


@lru_cache(maxsize=4)
def _policies(licence_transfer_from: int | None) -> Policies:
    return Policies(licence_transfer_from)
