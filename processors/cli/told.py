"""Which events do explain and what-if look at? Those of the journal, in Kafka or in files, or those of files of events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from processors.cli.configured import broker_or_stop
from processors.cli.exits import EXIT_INVALID, EXIT_UNAVAILABLE, Stop
from processors.cli.files import STANDARD_INPUT, read_files

if TYPE_CHECKING:
    from processors.audit.entries import Entry
    from processors.audit.sources import Source
    from processors.codec import Located
    from processors.core.decisions import Decision
    from processors.replay.deciding import Reading
    from processors.settings import Settings

CONTAINER = b"Obj\x01"
ID_SHOWN = 8
LISTED_MAX = 5
LOOKED_AT_MAX = 100_000


@dataclass(frozen=True)
class CustomerJournal:
    """The entries of one customer in their order, and its decisions as they were published, by id."""

    entries: list[Entry]
    published: dict[str, Decision]


def from_option(function: click.decorators.FC) -> click.decorators.FC:
    """Where to read from."""
    return click.option(
        "--from",
        "sources",
        metavar="PATH",
        multiple=True,
        type=click.Path(exists=True, allow_dash=True, path_type=Path),
        help="A file of the journal or a folder that `export` wrote, or files of events as `replay` reads them (- for standard input); "
        "by default the journal in Kafka. May be given again.",
    )(function)


def is_journal(sources: tuple[Path, ...]) -> bool:
    """Whether the sources hold a journal rather than events; nothing given is the journal in Kafka.

    Raises:
        Stop: some do and some do not.
    """
    found = {_holds_journal(source) for source in sources} or {True}
    if len(found) > 1:
        raise Stop("--from: a journal and files of events cannot be read together", EXIT_INVALID)
    return found.pop()


def customer_journal(sources: tuple[Path, ...], settings: Settings, customer: str) -> CustomerJournal:
    """What the journal has of one customer; what several sources hold of it alike counts once.

    Raises:
        Stop: it cannot be read (2, 69), is not whole (2), or has nothing of the customer (2, with the nearest that it has).
    """
    from processors.audit.entries import DECISIONS, JOURNAL, entries_of
    from processors.audit.sources import Wanted
    from processors.codec import decode_decision

    entries: dict[int, Entry] = {}
    published: dict[str, Decision] = {}
    wanted = Wanted(customer=customer)
    with _complaints(sources), _opened(sources, settings) as opened:
        for source in opened:
            for entry in entries_of(source.records(JOURNAL, wanted), source.schemas):
                same = entries.setdefault(entry.told.sequence, entry)
                if same.told != entry.told:
                    raise Stop(
                        f"{entry.record.place}: entry {entry.told.sequence} of the customer is another one at {same.record.place}",
                        EXIT_INVALID,
                    )
            for record in source.records(DECISIONS, wanted):
                decision = decode_decision(record.value, registry=source.schemas)
                published[decision.decision_id] = decision
        if not entries:
            raise unknown("customer", customer, _customers(opened))
    for expected, (sequence, entry) in enumerate(sorted(entries.items()), 1):
        if sequence != expected:
            raise Stop(
                f"{entry.record.place}: entry {sequence} of the customer, expected {expected}: the journal is not whole, "
                "and what is missing might change the story",
                EXIT_INVALID,
            )
    return CustomerJournal([entries[sequence] for sequence in sorted(entries)], published)


def read_told(sources: tuple[Path, ...], settings: Settings, until: int | None, customers: tuple[str, ...], supposed: set[str]) -> Reading:
    """The events of the sources, up to `until`, of these customers or of all.

    Raises:
        Stop: something cannot be read, or is no valid event (2, 69), or names none of a customer that is not `supposed` either (2).
    """
    from processors.replay.deciding import Reading

    if is_journal(sources):
        with _complaints(sources), _opened(sources, settings) as opened:
            reading = Reading([located for source in opened for located in _located(source, customers)], until)
            for customer in reading.only(customers):
                if customer not in supposed:
                    raise unknown("customer", customer, _customers(opened))
        return reading
    reading = read_files(sources, settings, until, ())
    for customer in reading.only(customers):
        if customer not in supposed:
            raise unknown("customer", customer, reading.customers)
    return reading


def unknown(what: str, asked: str, known: Iterable[str], of: str = "") -> Stop:
    """The end of a command that was asked about something that is not there: with what is nearest to it, if anything is."""
    from processors.codec import nearest

    ids = sorted(known)
    begin = [each for each in ids if each.startswith(asked)] if asked else []
    like = [each for each in ids if each[:ID_SHOWN] == asked[:ID_SHOWN] or each[-ID_SHOWN:] == asked[-ID_SHOWN:]]
    hint = f"; did you mean {begin[0]!r}?" if len(begin) == 1 else nearest(asked, like or ids[:10_000])
    if not hint and 0 < len(ids) <= LISTED_MAX:
        hint = f"; there {'is' if len(ids) == 1 else 'are'} {', '.join(ids)}"
    return Stop(f"no {what} {asked!r} is known{of}{hint}", EXIT_INVALID)


def _holds_journal(source: Path) -> bool:
    """By the topic that its first line names; a folder always does, standard input and a container file of events never."""
    if source == STANDARD_INPUT:
        return False
    if source.is_dir():
        return True
    try:
        with source.open("rb") as file:
            if file.read(len(CONTAINER)) == CONTAINER:
                return False
            file.seek(0)
            line = next((line for line in file if line.strip()), b"")
    except OSError as error:
        raise Stop(f"{source}: {error.strerror or error}", EXIT_INVALID) from None
    try:
        topic = json.loads(line).get("topic")
    except (ValueError, AttributeError, RecursionError):
        return False
    return topic in {"customer-journal", "multi-channel-support-decisions", "customer-channel-support"}


@contextmanager
def _opened(sources: tuple[Path, ...], settings: Settings) -> Iterator[list[Source]]:
    from processors.audit.folder_source import open_files
    from processors.audit.kafka_source import KafkaSource

    if sources:
        yield [open_files(source) for source in sources]
    else:
        yield [KafkaSource(settings, broker_or_stop(settings)["bootstrap_servers"])]


@contextmanager
def _complaints(sources: tuple[Path, ...]) -> Iterator[None]:
    """What a source may complain of, as ways to end: Kafka may not answer, a file may be no journal."""
    from processors.audit.sources import SourceUnreadable
    from processors.codec import MessageRejected

    try:
        yield
    except SourceUnreadable as error:
        raise Stop(str(error), EXIT_INVALID if sources else EXIT_UNAVAILABLE) from None
    except MessageRejected as error:
        raise Stop(str(error), EXIT_INVALID) from None


def _customers(opened: list[Source]) -> set[str]:
    """The customers of the journal, so that the nearest can be named; of a long journal those of its first entries."""
    from processors.audit.entries import JOURNAL

    records = islice(chain.from_iterable(source.records(JOURNAL) for source in opened), LOOKED_AT_MAX)
    return {record.key.decode("utf-8", "replace") for record in records if record.key}


def _located(source: Source, customers: tuple[str, ...]) -> Iterator[Located]:
    """The events in a source's journal, in its order."""
    from processors.audit.entries import JOURNAL, entries_of
    from processors.audit.sources import Wanted
    from processors.codec import Located

    chosen: list[str | None] = [each.lower() for each in customers]
    for customer in chosen or [None]:
        for entry in entries_of(source.records(JOURNAL, Wanted(customer=customer)), source.schemas):
            told = entry.told
            yield Located(entry.event, told.topic, told.partition, told.offset, told.timestamp, entry.record.place)
