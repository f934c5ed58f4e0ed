"""Does a worker with a schema registry read and write Confluent's framing, so that the registry is all that a stranger needs?"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import fastavro
import pytest
from aiokafka import AIOKafkaProducer

from processors.audit.damage import Damage
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL
from processors.audit.exporting import export
from processors.audit.folder_source import FolderSource
from processors.audit.kafka_source import KafkaSource
from processors.audit.sources import SourceUnreadable
from processors.audit.verifying import Task, verify
from processors.codec import decode_dead_letter, decode_decision, decode_journal_entry
from processors.codec.registry import Registry
from processors.contract import ErrorCode
from processors.contract.chain import NO_ENTRY, entry_hash
from processors.core.decisions import Decision
from processors.settings import Settings
from processors.topology.wiring import policy_of
from tests.audit.memory import MemorySource
from tests.end_to_end import living
from tests.end_to_end.test_worker import COMMAND, READY, says, started, until, until_all_applied

pytestmark = pytest.mark.timeout(300)  # broker, registry and worker, on a machine that may be busy
STORY = living.STORIES / "04-csp-licence-waits-for-term-end.events.jsonl"
NOBODYS_ID = b"\x00\x7f\xff\xff\xf0"


def environment(settings: Settings, registry_url: str) -> dict[str, str]:
    told = {"KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers[0], "TOPIC_PREFIX": settings.topic_prefix}
    return os.environ | {f"MULTICHANNEL_{name}": value for name, value in (told | {"SCHEMA_REGISTRY_URLS": registry_url}).items()}


async def produced(settings: Settings, registry_url: str) -> None:
    """The story, sent by the command as a user would."""
    sending = await asyncio.create_subprocess_exec(
        str(COMMAND), "produce", str(STORY), env=environment(settings, registry_url), stdout=sys.stderr
    )
    assert await asyncio.wait_for(sending.wait(), 100) == 0


async def decided(settings: Settings, registry_url: str) -> list[Decision]:
    async with Registry([registry_url]) as registry:
        values = [record.value for record in (await living.output(settings)).decisions]
        await registry.fetch(registry.missing(values))
        return [decode_decision(value, registry=registry) for value in values]


def verified_by_an_auditor(settings: Settings, registry_url: str, folder: Path) -> None:
    """From the broker with the registry, from an export without it, and never as damage where no registry was named."""
    with_registry = settings.model_copy(update={"schema_registry_urls": (registry_url,)})
    source = KafkaSource(with_registry, settings.kafka_bootstrap_servers)
    report = verify(Task(source=source, inputs=True, processes=2))  # the schemas are read in other processes than they are needed in
    assert [str(finding) for finding in report.findings] == []
    assert report.compared == (JOURNAL, DECISIONS, IN_FORCE, "inputs")
    figures = report.figures
    assert figures["decisions"] == figures["decisions_recomputed"] > 0
    assert figures["inputs"] == figures["entries"] > 0
    for form in ("parquet", "jsonl"):
        export(source, folder / form, form, inputs=True)
        exported = verify(Task(source=FolderSource(folder / form), inputs=True))
        assert (exported.findings, exported.figures) == ([], figures)
    records = [record for topic in (JOURNAL, DECISIONS, IN_FORCE) for record in source.records(topic)]
    damaged = MemorySource(records)
    damaged.schemas = source.schemas
    value = records[1].value or b""
    damaged.held[JOURNAL][1] = replace(records[1], value=value[:-1] + bytes((value[-1] ^ 1,)))
    [finding] = verify(Task(source=damaged)).findings
    assert (finding.damage, finding.place) == (Damage.ALTERED_ENTRY, records[1].place)
    with pytest.raises(SourceUnreadable, match="schema_registry_urls"):
        verify(Task(source=KafkaSource(settings, settings.kafka_bootstrap_servers)))


def told_to_a_support_agent(settings: Settings, registry_url: str, customer: str, exported: Path) -> None:
    """The same from the broker with the registry as from an export without it; without a registry it is said what is missing."""

    def told(*options: str, registry: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(COMMAND), "explain", customer, *options]
        return subprocess.run(command, env=environment(settings, registry), capture_output=True, text=True, timeout=100, check=False)

    of_broker, of_export, without = told(registry=registry_url), told("--from", str(exported)), told()
    assert (of_broker.returncode, of_export.returncode) == (0, 0), of_broker.stderr
    assert of_broker.stdout == of_export.stdout
    assert customer in of_broker.stdout
    assert without.returncode != 0
    assert "schema_registry_urls" in without.stderr


async def read_by_a_stranger(registry_url: str, value: bytes) -> Any:
    """One record by fastavro, with the schema that the registry gives for the id in it."""
    assert value[0] == 0, "Confluent's framing"
    async with aiohttp.ClientSession() as session, session.get(f"{registry_url}/schemas/ids/{int.from_bytes(value[1:5], 'big')}") as answer:
        schema = json.loads((await answer.json(content_type=None))["schema"])
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)


async def test_events_and_decisions_in_confluent_framing(settings: Settings, registry_url: str, tmp_path: Path) -> None:
    await living.make_topics(settings)
    told = living.read_story(STORY)
    [customer] = {event.customer_tenant_id for _, event in told}
    async with started(settings, log=tmp_path / "log", schema_registry_urls=registry_url) as process:
        await produced(settings, registry_url)
        producer = AIOKafkaProducer(**living.arguments_of(settings))
        await producer.start()
        await producer.send_and_wait(f"{settings.topic_prefix}cancellation", NOBODYS_ID + b"what is this", key=customer.encode())
        await producer.stop()
        await until(says(tmp_path / "log", READY), process)
        await until_all_applied(settings, len(told), process)
        wanted = living.replayed(told, policy_of(settings), int(time.time() * living.SECOND))
        limit = time.monotonic() + 90
        while living.last_answers(await decided(settings, registry_url)) != wanted:  # reviews come by themselves, one after another
            assert time.monotonic() < limit
            await asyncio.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 100) == 0
    async with Registry([registry_url]) as registry:
        found = await living.output(settings)
        records = [*found.decisions, *found.in_force, *found.journal, *found.dead_letters]
        assert {record.value[0] for record in records} == {0}
        await registry.fetch(registry.missing([record.value for record in records]))
        decisions = [decode_decision(record.value, registry=registry) for record in found.decisions]
        entries = [decode_journal_entry(record.value, registry=registry) for record in found.journal]
        [letter] = [decode_dead_letter(record.value, registry=registry) for record in found.dead_letters]
    assert letter.error_code is ErrorCode.UNKNOWN_SCHEMA
    assert wanted
    heads = [NO_ENTRY, *(entry.entry_hash for entry in entries)]
    assert [entry.previous_hash for entry in entries] == heads[:-1]
    assert [entry_hash(entry) for entry in entries] == heads[1:]
    plain = await read_by_a_stranger(registry_url, found.decisions[-1].value)
    assert (plain["decision_id"], plain["outcome"]) == (decisions[-1].decision_id, decisions[-1].answer.outcome.value)
    await asyncio.to_thread(verified_by_an_auditor, settings, registry_url, tmp_path)
    await asyncio.to_thread(told_to_a_support_agent, settings, registry_url, customer, tmp_path / "parquet")
