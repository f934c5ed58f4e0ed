"""Can an operator ask for answers anew, and look at, mend and send again what was refused?"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from processors.cli import multichannel
from processors.cli.exits import Stop
from processors.codec import decode_decision, decode_event, decode_journal_entry, encode
from processors.core.events import ReviewDue, SubscriptionPurchased
from processors.settings import Settings
from processors.topology.wiring import policy_of
from tests.end_to_end import living
from tests.end_to_end.living import Told

pytestmark = pytest.mark.timeout(240)  # a worker starts, on a machine that may be busy


async def call(settings: Settings, *words: str) -> Result:
    environment = {
        "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": ",".join(settings.kafka_bootstrap_servers),
        "MULTICHANNEL_TOPIC_PREFIX": settings.topic_prefix,
    }
    return await asyncio.to_thread(CliRunner().invoke, multichannel, list(words), env=environment)


def stop_of(result: Result) -> Stop:
    assert isinstance(result.exception, Stop), result
    return result.exception


def story() -> list[Told]:
    return living.read_story(living.STORIES / "01-direct-licence-consent-revoked.events.jsonl")


async def test_a_review_after_the_policy_changed_supersedes_what_is_decided_otherwise_now(settings: Settings) -> None:
    """A licence of another CSP partner could be transferred from 2024-06-01 on; with the switch off it cannot."""
    told = [(topic, event) for topic, event in living.read_story(living.STORIES / "04-csp-licence-waits-for-term-end.events.jsonl")]
    [customer] = {event.customer_tenant_id for _, event in told}
    await living.make_topics(settings, for_an_old_clock=True)
    sent = await living.send(settings, told, first_ms=int(time.time() * 1000))
    early = max(event.occurred_at for _, event in told) / 1_000_000
    off = settings.model_copy(update={"licence_transfer_from": None})
    async with living.worker(off, lambda: early) as topology:
        await living.settled(topology, sent)
    unknown = await call(settings, "review", "--customer", "nobody")
    assert stop_of(unknown).code == 2
    assert (await call(settings, "review")).exit_code == 2
    written = await call(settings, "review", "--customer", customer.upper(), "--cause", "POLICY")
    assert (written.exit_code, written.output) == (0, "1 reviews written\n")
    everyone = await call(settings, "review", "--all")
    assert (everyone.exit_code, everyone.output) == (0, "1 reviews written\n")
    async with living.worker(off, lambda: early) as topology:
        await living.settled(topology, 2)
    found = await living.output(settings)
    assert living.problems(found, policy_of(off)) == []
    entries = [decode_journal_entry(record.value) for record in found.journal]
    events = [decode_event(entry.topic, entry.event) for entry in entries]
    assert [event.cause.value for event in events if isinstance(event, ReviewDue)][-2:] == ["POLICY", "OPERATOR"]
    now = [decode_decision(record.value) for record in found.decisions if decode_decision(record.value).as_of > early * 1_000_000]
    assert now, "years later the answers are other ones"
    assert all(decision.caused_by.topic == "review-due" and decision.supersedes for decision in now)


async def test_an_operator_looks_at_a_dead_letter_mends_it_and_sends_it_again_once(settings: Settings, tmp_path: Path) -> None:
    await living.make_topics(settings)
    topic, event = next((topic, event) for topic, event in story() if isinstance(event, SubscriptionPurchased))
    assert isinstance(event, SubscriptionPurchased)
    key, bad = event.customer_tenant_id.encode(), encode(topic, replace(event, service_type=None))
    producer = AIOKafkaProducer(**living.arguments_of(settings))
    await producer.start()
    await producer.send_and_wait(settings.topic_prefix + topic, bad, key=key, headers=[("traceparent", b"00-a-b-01")])
    await producer.send_and_wait(settings.topic_prefix + topic, b"nothing", key=key)
    await producer.stop()
    async with living.worker(settings, time.time) as topology:
        await living.settled(topology, 2)
        listed = await call(settings, "dead-letters", "list", "--code", "INVALID", "--format", "json")
        [line] = [json.loads(text) for text in listed.output.splitlines()]
        assert (line["topic"], line["error_code"], line["requeued"]) == (topic, "INVALID", None)
        assert "service_type" in line["error_message"]
        place = line["place"]
        shown = json.loads((await call(settings, "dead-letters", "show", place)).output)
        assert shown["key_text"] == event.customer_tenant_id
        mend = shown["mend"]
        assert mend["value"]["service_type"] is None

        file = tmp_path / "mended.jsonl"
        file.write_text(json.dumps(mend), "utf-8")
        still_bad = stop_of(await call(settings, "dead-letters", "requeue", place, "--with", str(file)))
        assert still_bad.code == 2 and "service_type" in str(still_bad)
        mend["value"]["service_type"] = "LICENSE_BASED"
        file.write_text(json.dumps(mend), "utf-8")
        assert (await call(settings, "dead-letters", "requeue", place, "--with", str(file))).exit_code == 0
        again = await call(settings, "dead-letters", "requeue", place, "--with", str(file))
        assert again.exit_code == 1, "a second time it is left alone"
        await living.settled(topology, 3)
        assert topology.figures.dispositions["APPLIED"] - topology.figures.events["review-due"] == 1
        forced = await call(settings, "dead-letters", "requeue", place, "--with", str(file), "--again")
        assert forced.exit_code == 0
        await living.settled(topology, 4)
        assert topology.figures.dispositions["DUPLICATE_IGNORED"] == 1

        [other] = [
            json.loads(text) for text in (await call(settings, "dead-letters", "list", "--open", "--format", "json")).output.splitlines()
        ]
        assert other["error_code"] == "UNDECODABLE"
        assert json.loads((await call(settings, "dead-letters", "show", other["place"])).output)["mend"] is None
        assert (await call(settings, "dead-letters", "requeue", other["place"])).exit_code == 0
        await living.settled(topology, 5)
    found = await living.output(settings)
    assert len(found.dead_letters) == 3, "the same bytes are refused for the same reason"
    assert living.problems(found, policy_of(settings)) == []
    traced = [record for record in found.journal if dict(record.headers).get("traceparent") == b"00-a-b-01"]
    assert traced, "the headers of the record that was refused go on with it"
    assert stop_of(await call(settings, "dead-letters", "show", "7/999")).code == 2
    assert stop_of(await call(settings, "dead-letters", "list", "--code", "INVALD")).code == 2
    assert (await call(settings, "dead-letters", "show", "somewhere")).exit_code == 2
