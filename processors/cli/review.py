"""`multichannel review`: ask for answers anew, after a policy or a release changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from processors.cli.configured import answers_or_stop, broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_INVALID, Stop
from processors.cli.progress import counting

if TYPE_CHECKING:
    from processors.codec import Located
    from processors.settings import Settings


@click.command()
@click.option("--customer", "customers", metavar="ID", multiple=True, help="This customer_tenant_id; may be given again.")
@click.option("--all", "everyone", is_flag=True, help="Every customer that the state knows.")
@click.option("--cause", type=click.Choice(["OPERATOR", "POLICY"]), default="OPERATOR", show_default=True, help="Why, for the journal.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def review(customers: tuple[str, ...], everyone: bool, cause: str, topic_prefix: str | None) -> None:
    """Write a review of customers as of now: the worker computes their answers anew and supersedes those that differ.

    For use after a policy version, a switch or a release changed. It moves the customers' as_of to now: wait until the
    worker has caught up with its inputs, events of an earlier occurred_at count as late afterwards.

    Example: multichannel review --all --cause POLICY

    Exit codes: 0 written, 2 neither --customer nor --all, or a customer that the state does not know (nothing is
    written), 69 no broker, no topic or no schema registry, 78 wrong settings, 130 interrupted.
    """
    if everyone == bool(customers):
        raise click.UsageError("say --customer ID (it may be given again) or --all")
    settings = settings_or_stop(topic_prefix=topic_prefix)
    arguments = broker_or_stop(settings)
    with answers_or_stop():
        written = asyncio.run(_review(settings, arguments, [customer.lower() for customer in customers], cause))
    click.echo(f"{written:,} reviews written")


async def _review(settings: Settings, arguments: dict[str, Any], wanted: list[str], cause: str) -> int:
    from processors.codec.configured import configured_registry
    from processors.contract import contract
    from processors.feeding.sending import send

    known = await known_customers(settings, arguments)
    if unknown := sorted(set(wanted) - known):
        raise Stop(f"the state knows no customer {', '.join(unknown)}; nothing was written", EXIT_INVALID)
    chosen = sorted(set(wanted) or known)
    async with configured_registry(settings) as registry:
        topic = "review-due"
        ids = {} if registry is None else {topic: await registry.register(topic, contract(), prefix=settings.topic_prefix)}
        with counting("reviews", len(chosen)) as advance:
            reviews = _reviews(chosen, int(time.time() * 1_000) * 1_000, cause)
            sent = await send(arguments, reviews, topic_prefix=settings.topic_prefix, schema_ids=ids, on_sent=advance)
    return sent.total()


def _reviews(customers: Iterable[str], instant: int, cause: str) -> Iterator[Located]:
    from processors.codec import Located
    from processors.core.symbols import ReviewCause
    from processors.topology import review as review_of

    for customer in customers:
        yield Located(review_of(customer, instant, ReviewCause[cause]), "review-due", None, None, None, f"review of {customer}")


async def known_customers(settings: Settings, arguments: dict[str, Any]) -> set[str]:
    """Every customer that has a header in the state, read from its changelog."""
    from processors.feeding.reading import Start, read
    from processors.topology.customers import customer_of_header
    from processors.topology.wiring import CHANGELOG

    found = set()
    async for record in read(arguments, settings.topic_prefix + CHANGELOG, Start()):
        if record.key is not None and (customer := customer_of_header(record.key)) is not None:
            found.add(customer)
    return found
