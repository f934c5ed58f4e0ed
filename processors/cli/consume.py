"""`multichannel consume`: what a topic holds, as JSON Lines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from processors.cli.configured import answers_or_stop, broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_INVALID, Stop
from processors.codec import nearest
from processors.codec.configured import configured_registry
from processors.codec.instants import read_instant
from processors.contract import contract
from processors.feeding.reading import Start, read
from processors.feeding.showing import line
from processors.settings import Settings


class StartParameter(click.ParamType):
    """beginning, end, an offset, or an instant."""

    name = "beginning|end|OFFSET|INSTANT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Start:  # noqa: ANN401 - click's signature
        """The place that the text names."""
        if isinstance(value, Start):
            return value
        if value in {"beginning", "end"}:
            return Start(end=value == "end")
        if value.isascii() and value.isdigit():
            return Start(offset=int(value))
        instant = read_instant(value)
        if instant is None:
            self.fail(f"{value!r} is none of: beginning, end, an offset like 120, an instant like 2024-05-31T23:59:59Z", param, ctx)
        return Start(timestamp_ms=-(-instant // 1000))


@click.command()
@click.argument("topic")
@click.option("--from", "start", type=StartParameter(), default="beginning", help="Where to begin in every partition.", show_default=True)
@click.option("--until-end/--follow", "until_end", default=True, help="Stop at the end as it is now (the default), or wait for more.")
@click.option("--key", help="Only records with this key, from its partition alone.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def consume(topic: str, start: Start, until_end: bool, key: str | None, topic_prefix: str | None) -> None:
    """Print the committed records of TOPIC as JSON Lines, each with its place, time, key and decoded value.

    What it prints of an input topic is what `produce` and `replay` read. A record that cannot be decoded is printed with
    its error and its bytes in base64; reading goes on.

    Example: multichannel consume multi-channel-support-decisions --key c1121f4a-57e2-5e6c-a8e6-fb87ffeec64c

    Exit codes: 0 done, 2 no such topic in the contract, 69 no broker answers, it has no such topic, or no schema registry
    answers, 78 wrong settings, 130 interrupted.
    """
    settings = settings_or_stop(topic_prefix=topic_prefix)
    topics = contract().topics
    if topic not in topics:
        raise Stop(f"{topic!r} is no topic of topics.yaml{nearest(topic, topics) or ': ' + ', '.join(topics)}", EXIT_INVALID)
    arguments = broker_or_stop(settings)
    with answers_or_stop():
        asyncio.run(_print(settings, arguments, topic, start, key, follow=not until_end))


async def _print(settings: Settings, arguments: dict[str, Any], topic: str, start: Start, key: str | None, *, follow: bool) -> None:
    wanted_key = None if key is None else key.encode()
    async with configured_registry(settings) as registry:
        async for record in read(arguments, settings.topic_prefix + topic, start, key=wanted_key, follow=follow):
            if registry is not None:
                await registry.fetch(registry.missing([record.value]))
            click.echo(json.dumps(line(record, topic, registry), ensure_ascii=False))
