"""Does the worker on a real broker come to the answers that replay comes to, in whatever order the events arrive?"""

from __future__ import annotations

import random
import re
import shlex
import uuid
from itertools import zip_longest

import pytest

from processors.codec import decode_decision
from processors.codec.instants import read_instant
from processors.core.policy import Policy
from processors.settings import Settings
from processors.topology.wiring import policy_of
from tests.end_to_end import living
from tests.end_to_end.living import Told

NAMES = sorted(path.name.removesuffix(".md") for path in living.STORIES.glob("*.md"))


def options_of(name: str) -> dict[str, str]:
    found = re.search(r"^Run: replay (.*)$", (living.STORIES / f"{name}.md").read_text("utf-8"), re.MULTILINE)
    assert found is not None, name
    words = shlex.split(found[1])[1:]
    return dict(zip(words[::2], words[1::2], strict=True))


def stories() -> dict[str | None, list[list[Told]]]:
    """All stories by their switch; each with customers of its own, since stories share some."""
    found: dict[str | None, list[list[Told]]] = {}
    for name in NAMES:
        told = living.read_story(living.STORIES / f"{name}.events.jsonl")
        own = living.renamed(told, lambda customer, name=name: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}/{customer}")))  # type: ignore[misc]
        found.setdefault(options_of(name).get("--licence-transfer-from"), []).append(own)
    return found


pytestmark = pytest.mark.timeout(240)  # a worker starts, on a machine that may be busy
STORIES = stories()
UNTIL = max(
    [
        *(read_instant(until) or 0 for name in NAMES if (until := options_of(name).get("--until"))),
        *(event.occurred_at for group in STORIES.values() for told in group for _, event in told),
    ]
)


@pytest.mark.parametrize("order", ["given", "shuffled"])
@pytest.mark.parametrize("switch", STORIES, ids=str)
async def test_the_last_answer_of_every_pair_is_that_of_replay(settings: Settings, switch: str | None, order: str) -> None:
    told = [each for row in zip_longest(*STORIES[switch]) for each in row if each is not None]
    if order == "shuffled":
        random.Random(6).shuffle(told)
    if switch is not None:
        settings = Settings(**{**settings.model_dump(), "licence_transfer_from": switch})
    policy: Policy = policy_of(settings)
    await living.make_topics(settings, for_an_old_clock=True)
    sent = await living.send(settings, told, first_ms=UNTIL // 1_000)
    async with living.worker(settings, lambda: UNTIL / 1_000_000) as topology:
        await living.settled(topology, sent)
    found = await living.output(settings)
    assert not found.dead_letters
    assert living.problems(found, policy) == []
    live = living.last_answers(decode_decision(record.value) for record in found.decisions)
    wanted = living.replayed(told, policy, UNTIL)
    different = {pair: (live.get(pair), wanted.get(pair)) for pair in live.keys() | wanted.keys() if live.get(pair) != wanted.get(pair)}
    assert not different
    assert len(wanted) > 10
