"""`multichannel what-if`: what would have been decided otherwise, under another policy or with another event."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from processors.cli.configured import settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, Stop
from processors.cli.files import STANDARD_INPUT
from processors.cli.parameters import Instant, InstantOrOff
from processors.cli.policies import licence_transfer_start
from processors.cli.told import from_option, read_told

if TYPE_CHECKING:
    from processors.audit.comparing import Side
    from processors.audit.drafts import Draft
    from processors.codec import Located, UnknownNames
    from processors.core.policy import Policy
    from processors.replay.deciding import Reading
    from processors.settings import Settings

GARBAGE_THRESHOLDS = (100_000, 50, 100)


class Move(click.ParamType):
    """A version of the policy and the instant to which its start is moved."""

    name = "version=instant"

    def convert(self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Read it, or say what was expected."""
        if isinstance(value, tuple):
            return value
        version, equals, instant = value.partition("=")
        if not equals:
            self.fail(f"{value!r} is nothing like 2024-Q2=2024-04-01T00:00:00Z.", param, ctx)
        return version, Instant().convert(instant, param, ctx)


@click.command("what-if")
@from_option
@click.option("--as-under", "--policy-version", "as_under", metavar="VERSION", help="Decide every instant as under this version.")
@click.option("--without", metavar="VERSION", multiple=True, help="As if this version had never come; may be given again.")
@click.option("--move", "moves", type=Move(), multiple=True, help="As if this version had come at another instant; may be given again.")
@click.option("--licence-transfer-from", type=InstantOrOff(), help="As in `replay`: moves version 2024-Q2, or switches it off.")
@click.option(
    "--draft",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With the versions and clouds of a TOML file besides (docs/adding-a-policy-version.md).",
)
@click.option(
    "--event",
    "events",
    metavar="FILE|-|JSON",
    multiple=True,
    help='With these events besides, each at its own occurred_at: lines {"topic": ..., "value": {...}} of a file or of standard input, '
    "or one such line itself; the event_id may be left out.",
)
@click.option("--customer", "customers", metavar="ID", multiple=True, help="Compare this customer only; may be given again.")
@click.option("--until", type=Instant(), help="Compare up to this instant; by default the last occurred_at, supposed events included.")
@click.option("--format", "output_format", type=click.Choice(["table", "jsonl"]), default="table", help="For people or for programs.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def what_if(
    sources: tuple[Path, ...],
    as_under: str | None,
    without: tuple[str, ...],
    moves: tuple[tuple[str, int], ...],
    licence_transfer_from: int | str | None,
    draft: Path | None,
    events: tuple[str, ...],
    customers: tuple[str, ...],
    until: int | None,
    output_format: str,
    topic_prefix: str | None,
) -> None:
    """Compare what is decided with what would be decided: under other versions of the policy, or with further events.

    Both sides are decided anew from the same events by canonical replay, up to the same instant: as it is under the policy as
    it is set, as it would be with everything the options change. The order of arrival plays no part on either side.

    What is counted: at the end, the pairs of subscription and partner whose answers in force then differ; over time, the
    instants at which either side decides for a pair anew and after which the two hold different answers. Answers are
    compared whole: outcome, support, move, billing, reasons, steps and dates; a rule, a policy version or an id that alone
    is other is no difference. An answer that one side does not have at all stands as "-". Customers are those with at least
    one such difference. jsonl: a line for each difference, then a line with the summary.

    Of the options that change the policy --licence-transfer-from comes first, then --without, --move, --draft, --as-under. As under
    a version means: it and all that came before it from the first version's start on, and none after it.

    Example: multichannel what-if --from events.jsonl --move 2024-Q2=2024-04-01T00:00:00Z

    Exit codes: 0 no difference, 1 differences, 2 wrong usage or invalid input, 69 no broker answers, 78 wrong settings,
    130 interrupted.
    """
    if not (as_under or without or moves or licence_transfer_from is not None or draft or events):
        raise click.UsageError(
            "nothing is to be other than it is: give --as-under, --without, --move, --licence-transfer-from, --draft or --event."
        )
    if [*map(str, sources), *events].count(str(STANDARD_INPUT)) > 1:
        raise click.UsageError("standard input (-) can be read once only.")
    settings = settings_or_stop(topic_prefix=topic_prefix)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    actual, other = _policies(settings, as_under, without, moves, licence_transfer_from, draft)
    supposed = _supposed(events, customers)
    reading = read_told(sources, settings, until, customers, {located.event.customer_tenant_id for located in supposed})
    ours, theirs, end = _sides(reading, supposed, actual, other, until)
    gc.freeze()
    differs = _print(ours, theirs, end, output_format)
    sys.exit(EXIT_DIFFERENCES if differs else 0)


def _policies(
    settings: Settings,
    as_under: str | None,
    without: tuple[str, ...],
    moves: tuple[tuple[str, int], ...],
    licence_transfer_from: int | str | None,
    draft: Path | None,
) -> tuple[Policy, Policy]:
    """As it is, and as it would be."""
    from processors.audit.scenario import Scenario, ScenarioError
    from processors.core.policy import Policy, released

    start = licence_transfer_start(settings)
    otherwise = start if licence_transfer_from is None else licence_transfer_start(settings, licence_transfer_from)
    scenario = Scenario(without, moves, None if draft is None else _draft(draft), as_under)
    try:
        return Policy.shipped(start), scenario.policy(released(otherwise))
    except ScenarioError as error:
        raise Stop(str(error), EXIT_INVALID) from None


def _draft(path: Path) -> Draft:
    from processors.audit.drafts import DraftInvalidError, read_draft

    try:
        return read_draft(path.read_text(encoding="utf-8"), str(path))
    except DraftInvalidError as error:
        raise Stop(str(error), EXIT_INVALID) from None
    except UnicodeDecodeError as error:
        raise Stop(f"{path}: is not UTF-8 at byte {error.start}", EXIT_INVALID) from None
    except OSError as error:
        raise Stop(f"{path}: {error.strerror or error}", EXIT_INVALID) from None


def _supposed(events: tuple[str, ...], customers: tuple[str, ...]) -> list[Located]:
    """The events of every --event, all of chosen customers; names that a record does not have are told on stderr, as `replay` does."""
    from processors.codec import UnknownNames

    unknown = UnknownNames(lambda complaint: click.echo(f"multichannel: --event: {complaint}", err=True))
    found = [located for event in events for located in _supposed_by(event, unknown)]
    chosen = {customer.lower() for customer in customers}
    for located in found:
        customer = located.event.customer_tenant_id
        if chosen and customer not in chosen:
            raise Stop(f"{located.place}: customer_tenant_id {customer} is none that --customer names", EXIT_INVALID)
    return found


def _supposed_by(told: str, unknown: UnknownNames) -> Iterator[Located]:
    """The events of one --event."""
    from processors.audit.hypotheses import read_hypothesis
    from processors.codec import MessageRejected

    if told.lstrip().startswith("{"):
        name, lines = "--event", [told]
    else:
        name = "standard input" if told == str(STANDARD_INPUT) else told
        try:
            raw = sys.stdin.buffer.read() if told == str(STANDARD_INPUT) else Path(told).read_bytes()
            lines = raw.decode().splitlines()
        except UnicodeDecodeError as error:
            raise Stop(f"--event {name}: is not UTF-8 at byte {error.start}", EXIT_INVALID) from None
        except OSError as error:
            raise Stop(f"--event {name}: {error.strerror or error}", EXIT_INVALID) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield read_hypothesis(line, name if len(lines) == 1 else f"{name}:{number}", unknown)
            except MessageRejected as rejected:
                raise Stop(str(rejected), EXIT_INVALID) from None


def _sides(reading: Reading, supposed: list[Located], actual: Policy, other: Policy, until: int | None) -> tuple[Side, Side, int]:
    """Both sides, and up to when they are compared."""
    from processors.audit.comparing import Side
    from processors.codec.instants import write_instant
    from processors.core.decisions import Cause

    end = until if until is not None else max([reading.until, *(located.event.occurred_at for located in supposed)])
    known = {(located.event.customer_tenant_id, located.event.event_id) for located in reading.events}
    for located in supposed:
        event = located.event
        if event.occurred_at > end:
            raise Stop(f"{located.place}: occurred_at {write_instant(event.occurred_at)} is later than --until", EXIT_INVALID)
        if (event.customer_tenant_id, event.event_id) in known:
            raise Stop(
                f"{located.place}: event_id {event.event_id} is that of an event that is there, so it would change nothing", EXIT_INVALID
            )
        known.add((event.customer_tenant_id, event.event_id))
    told = tuple((each.event, Cause(each.event.event_id, each.topic, each.partition, each.offset)) for each in reading.events)
    more = tuple((each.event, Cause(each.event.event_id, each.topic)) for each in supposed)
    return Side(told, actual), Side(told + more, other), end


def _print(actual: Side, other: Side, until: int, output_format: str) -> bool:
    """Everything that differs, and whether anything does."""
    from processors.audit.comparing import Difference, Report, compare
    from processors.audit.report import difference_lines, difference_text, first_differences, summary_line, summary_text

    report = Report()
    found: list[Difference] = []
    for compared in compare(actual, other, until, report):
        if output_format == "table":
            found = first_differences(found, compared.over_time)
            continue
        for line in difference_lines(compared):
            click.echo(json.dumps(line))
    if output_format == "jsonl":
        click.echo(json.dumps(summary_line(report, until, actual.policy, other.policy)))
    else:
        left_out = report.over_time.differences.total() - len(found)
        for text in (*summary_text(report, until), *difference_text(found, left_out)):
            click.echo(text)
    return report.first is not None
