"""`multichannel explain`: the story of one customer, in words or as JSON."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from processors.cli.configured import settings_or_stop
from processors.cli.exits import EXIT_INVALID, Stop
from processors.cli.files import STANDARD_INPUT, read_files
from processors.cli.parameters import Instant, InstantOrOff, Language
from processors.cli.policies import licence_transfer_start
from processors.cli.told import customer_journal, from_option, is_journal, unknown

if TYPE_CHECKING:
    from processors.audit.story import Seen
    from processors.core.policy import Policy
    from processors.settings import Settings
    from processors.words.vocabulary import Vocabulary


@click.command()
@click.argument("customer")
@from_option
@click.option("--subscription", metavar="ID", help="Only answers about this subscription.")
@click.option("--partner", metavar="ID", help="Only answers for this partner; - is any partner not yet named.")
@click.option("--decision", metavar="ID", help="This one decision, in force or not, instead of those in force.")
@click.option("--until", type=Instant(), help="Leave out what occurred later; files of events are decided up to this instant.")
@click.option("--licence-transfer-from", type=InstantOrOff(), help="As in `replay`.")
@click.option("--language", "words", type=Language(), default="en", help="Of the text: cs, en, hu, pl, sv or zh-CN.")
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="For people or for programs.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def explain(
    customer: str,
    sources: tuple[Path, ...],
    subscription: str | None,
    partner: str | None,
    decision: str | None,
    until: int | None,
    licence_transfer_from: int | str | None,
    words: Vocabulary,
    output_format: str,
    topic_prefix: str | None,
) -> None:
    """Tell the story of CUSTOMER: what was told when, what is answered and why, and what would change it.

    First every event in the order in which it was applied: of a journal its own order, of files of events the order of canonical
    replay. Then each answer in force, or the one decision asked for: the row of the policy that decided, the events it rests
    on, the next steps, what time alone changes next and when, and what else would change it, as far as that can be tried: the
    core is asked what it would answer. Nothing is written anywhere.

    Example: multichannel explain c1121f4a-57e2-5e6c-a8e6-fb87ffeec64c --from events.jsonl --language cs

    Exit codes: 0 done, 2 wrong usage, an id that is not known (the nearest is named) or a file that is not valid, 69 no
    broker answers, or not to its end, 78 wrong settings, 130 interrupted.
    """
    if sources.count(STANDARD_INPUT) > 1:
        raise click.UsageError("standard input (-) can be read once only.")
    from processors.audit.story import Asked, NotKnownError, tell
    from processors.audit.story_json import story_object
    from processors.audit.story_text import story_lines

    settings = settings_or_stop(topic_prefix=topic_prefix)
    policy = _policy(licence_transfer_start(settings, licence_transfer_from))
    customer = customer.lower()
    asked = Asked(*(each.lower() if each is not None else None for each in (subscription, partner, decision)))
    try:
        story = tell(_seen(sources, settings, policy, customer, until), policy, asked)
    except NotKnownError as error:
        if not error.asked:
            raise Stop(f"--until: nothing of customer {customer} had occurred by then", EXIT_INVALID) from None
        raise unknown(error.what, error.asked, error.candidates, f" of customer {customer}") from None
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without the language's letters is no reason to stop
    if output_format == "json":
        sys.stdout.write(f"{json.dumps(story_object(story), ensure_ascii=False)}\n")
        return
    for line in story_lines(story, words):
        sys.stdout.write(f"{line}\n")


def _policy(start: int | None) -> Policy:
    from processors.core.policy import Policy

    try:
        return Policy.shipped(start)
    except ValueError as error:
        raise Stop(f"--licence-transfer-from: {error}", EXIT_INVALID) from None


def _seen(sources: tuple[Path, ...], settings: Settings, policy: Policy, customer: str, until: int | None) -> Iterator[Seen]:
    """The steps of the customer, from wherever they are read."""
    from processors.audit.story import from_events, from_journal
    from processors.core.decisions import Cause

    if is_journal(sources):
        journal = customer_journal(sources, settings, customer)
        entries = [entry for entry in journal.entries if until is None or entry.event.occurred_at <= until]
        return from_journal(entries, journal.published, policy, settings.remembered_event_ids_per_customer)
    reading = read_files(sources, settings, until, ())
    if customer not in reading.customers:
        raise unknown("customer", customer, reading.customers)
    mine = [each for each in reading.events if each.event.customer_tenant_id == customer]
    told = [(each.event, Cause(each.event.event_id, each.topic, each.partition, each.offset)) for each in mine]
    return from_events(told, policy, reading.until)
