"""Can a stranger feed and read the topics by following docs/producing.md and docs/consuming.md to the letter?"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from processors.codec import decode_decision
from processors.contract import folder
from processors.settings import Settings
from processors.topology.wiring import policy_of
from tests.end_to_end import living

pytestmark = pytest.mark.timeout(240)
DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)


def environment(settings: Settings) -> dict[str, str]:
    told = {"BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers[0], "TOPIC_PREFIX": settings.topic_prefix}
    return {**os.environ, **told, "GROUP": f"{settings.topic_prefix}billing", "PYTHONWARNINGS": "ignore"}


async def run(code: str, settings: Settings, lines: int | None = None) -> list[str]:
    """What a block of a document prints; its first `lines` lines where it does not end by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=folder(), env=environment(settings), stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(100):
            if lines is not None:
                return [(await process.stdout.readline()).decode().rstrip() for _ in range(lines)]
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            return out.decode().splitlines()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.timeout(500)  # Maven downloads two libraries
async def test_what_the_documents_say_works_to_the_letter(settings: Settings, tmp_path: Path) -> None:
    [produce] = blocks("producing.md")
    ten_lines, librdkafka = blocks("consuming.md")
    await living.make_topics(settings)
    stories = living.read_story(living.STORIES / "01-direct-licence-consent-revoked.events.jsonl")
    sent = await living.send(settings, stories, first_ms=int(time.time() * 1000))
    await run(produce, settings)
    async with living.worker(settings, time.time) as topology:
        await living.settled(topology, sent + 1)
        assert topology.figures.events["consent-granted"] == 1 + sum(topic == "consent-granted" for topic, _ in stories)
    found = await living.output(settings)
    assert not found.dead_letters
    assert living.problems(found, policy_of(settings)) == []
    decisions = [decode_decision(record.value) for record in found.decisions]
    assert decisions
    shown = [f"{each.customer_tenant_id} {each.sequence} {each.answer.outcome} {each.answer.billing_owner.kind}" for each in decisions]
    assert sorted(await run(ten_lines, settings, len(decisions))) == sorted(shown)
    in_force = {
        f"{each.customer_tenant_id}|{each.subscription_id}|{each.partner_tenant_id or '-'} {each.answer.outcome}"
        for each in {(each.customer_tenant_id, each.subscription_id, each.partner_tenant_id): each for each in decisions}.values()
    }
    assert set(await run(librdkafka, settings)) == in_force
    assert set(await in_java(settings, tmp_path)) == in_force


async def in_java(settings: Settings, place: Path) -> list[str]:
    """What the Java of docs/consuming.md prints, after its commands were typed in an empty folder with the schemas."""
    for name, language in (("pom.xml", "xml"), ("InForce.java", "java")):
        [text] = blocks("consuming.md", language)
        (place / name).write_text(text, "utf-8")
    (place / "schemas").symlink_to(folder() / "schemas")
    out = b""  # of the last command: Maven's own holds a terminal's codes
    for command in blocks("consuming.md", "sh")[0].splitlines():
        process = await asyncio.create_subprocess_shell(command, cwd=place, env=environment(settings), stdout=PIPE, stderr=PIPE)
        out, err = await asyncio.wait_for(process.communicate(), 240)
        assert process.returncode == 0, err.decode() + out.decode()
    return out.decode().splitlines()
