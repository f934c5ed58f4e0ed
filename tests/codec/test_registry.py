"""Are schemas found by id, ours registered, and a missing schema never taken for a missing registry?"""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trustme
from aiohttp import web

from processors.codec import MessageRejected, decode, encode, read_json
from processors.codec.registry import NOT_FOUND_SECONDS, Registry, RegistryRefusedError, RegistryUnavailableError, SchemaNotFetchedError
from processors.contract import Contract, ErrorCode, Schema, contract
from processors.contract.avro import fingerprint, parse

TOPIC = "review-due"
EVENT = {"event_id": "e", "occurred_at": "2024-01-01T00:00:00Z", "customer_tenant_id": "c", "cause": "POLICY"}


def changed(record: str, change: Callable[[dict[str, Any], Any], object]) -> Any:
    raw: Any = copy.deepcopy(contract().schemas[record][-1].json)
    change({field["name"]: field for field in raw["fields"]}, raw)
    return raw


def next_contract(raw: Any) -> Contract:
    """The contract with one more version of a record."""
    old = contract().schemas[raw["name"]]
    type_ = parse(raw)
    added = Schema(raw["name"], len(old) + 1, type_, json.dumps(raw), raw, fingerprint(raw), old[0].file)  # type: ignore[arg-type]
    return Contract(contract().topics, contract().schemas | {raw["name"]: (*old, added)}, contract().folder)


# the real one


async def test_what_is_registered_is_found_again_by_its_id(registry_url: str, topic_prefix: str) -> None:
    event = read_json(TOPIC, EVENT)
    async with Registry([registry_url]) as writer, Registry([registry_url]) as reader:
        schema_id = await writer.register(TOPIC, contract(), prefix=topic_prefix)
        assert await writer.register(TOPIC, contract(), prefix=topic_prefix) == schema_id == writer.ids[TOPIC]
        value = encode(TOPIC, event, schema_id=writer.ids[TOPIC])
        assert value[:5] == b"\0" + struct.pack(">I", schema_id)
        assert reader.missing([value, value, None, b"", b"\0\0", b"\xc3\x01"]) == {schema_id}
        await reader.fetch(reader.missing([value]))
        assert reader.missing([value]) == frozenset()
        assert decode(TOPIC, value, registry=reader) == event


async def test_every_topic_of_the_contract_can_be_registered(registry_url: str, topic_prefix: str) -> None:
    topics = [name for name, topic in contract().topics.items() if topic.record is not None]
    async with Registry([registry_url]) as registry:
        for topic in topics:
            await registry.register(topic, contract(), prefix=topic_prefix)
        assert registry.ids.keys() == set(topics)
        await registry.fetch(registry.ids.values())
        for topic in topics:
            assert parse(json.loads(registry.schema(registry.ids[topic]))) == contract().schema(topic).type


async def test_the_compatibility_of_a_subject_is_set_before_its_first_version(registry_url: str, topic_prefix: str) -> None:
    broken = changed("ReviewDue", lambda _, raw: raw["fields"].append({"name": "more", "type": "string", "doc": "x"}))
    async with Registry([registry_url]) as registry:
        await registry.register(TOPIC, contract(), prefix=topic_prefix)
        with pytest.raises(RegistryRefusedError, match=f"{topic_prefix}review-due-value: status 409"):
            await registry.register(TOPIC, next_contract(broken), prefix=topic_prefix)


async def test_an_output_stays_readable_for_old_consumers(registry_url: str, topic_prefix: str) -> None:
    without = changed("MultiChannelSupportDecision", lambda fields, raw: raw["fields"].remove(fields["manual_review"]))
    async with Registry([registry_url]) as registry:
        await registry.register("customer-channel-support", contract(), prefix=topic_prefix)
        with pytest.raises(RegistryRefusedError, match="409"):
            await registry.register("customer-channel-support", next_contract(without), prefix=topic_prefix)


async def test_a_newer_producer_s_field_and_symbol_are_read_through_the_registry(registry_url: str, topic_prefix: str) -> None:
    def grow(fields: Any, raw: Any) -> None:
        fields["cause"]["type"]["symbols"].insert(0, "MOON")
        raw["fields"].insert(1, {"name": "note", "type": ["null", "string"], "default": None, "doc": "x"})

    newer = changed("ReviewDue", grow)
    async with Registry([registry_url]) as registry:
        await registry.register(TOPIC, contract(), prefix=topic_prefix)
        schema_id = await registry.register(TOPIC, next_contract(newer), prefix=topic_prefix)
        await registry.fetch([schema_id])
        body = b"\x02e" + b"\x02\x04ab" + b"\x00" + b"\x02c" + b"\x00"
        assert getattr(decode(TOPIC, b"\0" + struct.pack(">I", schema_id) + body, registry=registry), "cause", None) == "UNKNOWN"


@pytest.mark.parametrize("schema_id", [0, 2_000_000_000, 2**31 - 1, 2**31, 2**32 - 1])
async def test_an_id_that_the_registry_does_not_have_is_an_unknown_schema(registry_url: str, schema_id: int) -> None:
    value = b"\0" + struct.pack(">I", schema_id) + b"x"
    async with Registry([registry_url]) as registry:
        await registry.fetch(registry.missing([value]))
        with pytest.raises(MessageRejected) as refused:
            decode(TOPIC, value, registry=registry)
        assert refused.value.code is ErrorCode.UNKNOWN_SCHEMA
        assert refused.value.text == f"the schema registry has no schema with id {schema_id}"
        assert registry.missing([value]) == frozenset()  # not asked again for every batch


async def test_the_schema_of_another_record_is_an_unknown_schema(registry_url: str, topic_prefix: str) -> None:
    async with Registry([registry_url]) as registry:
        schema_id = await registry.register("cancellation", contract(), prefix=topic_prefix)
        await registry.fetch([schema_id])
        with pytest.raises(MessageRejected, match=f"schema id {schema_id} is Cancellation; topic review-due takes ReviewDue") as refused:
            decode(TOPIC, b"\0" + struct.pack(">I", schema_id) + b"x", registry=registry)
        assert refused.value.code is ErrorCode.UNKNOWN_SCHEMA


async def test_milliseconds_are_refused_although_the_registry_takes_them(registry_url: str, topic_prefix: str) -> None:
    millis = changed("ReviewDue", lambda fields, _: fields["occurred_at"]["type"].update(logicalType="timestamp-millis"))
    async with Registry([registry_url]) as registry:
        await registry.register(TOPIC, contract(), prefix=topic_prefix)
        schema_id = await registry.register(TOPIC, next_contract(millis), prefix=topic_prefix)
        await registry.fetch([schema_id])
        with pytest.raises(MessageRejected, match="is no version of ReviewDue: occurred_at: the logical type timestamp-millis"):
            decode(TOPIC, b"\0" + struct.pack(">I", schema_id) + b"x", registry=registry)


# one that does what a test wants

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class FakeRegistry:
    """Answers every request with the next of its answers, the last one for ever; counts what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.authorizations: list[str | None] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        self.authorizations.append(request.headers.get("Authorization"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def says(status: int, body: Any) -> Answer:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    return answer


async def hangs(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


FOUND = says(200, {"schema": contract().schema(TOPIC).compact})
NOT_FOUND = says(404, {"error_code": 40403, "message": "No schema"})


async def served(fake: FakeRegistry, ssl_context: ssl.SSLContext | None = None) -> tuple[web.ServerRunner, str]:
    runner = web.ServerRunner(web.Server(fake), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
    return runner, f"{'https' if ssl_context else 'http'}://localhost:{runner.addresses[0][1]}"


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakeRegistry, str]]:
    registry = FakeRegistry()
    runner, url = await served(registry)
    yield registry, url
    await runner.cleanup()


async def test_an_id_is_asked_for_once_however_many_want_it(fake: tuple[FakeRegistry, str]) -> None:
    server, url = fake
    server.answers = [FOUND]
    async with Registry([url]) as registry:
        await asyncio.gather(*(registry.fetch([7]) for _ in range(50)))
        await registry.fetch([7])
    assert server.asked == ["/schemas/ids/7"]


NO_ANSWERS: dict[str, Answer] = {
    "an error of the server": says(500, {"error_code": 50001, "message": "x"}),
    "too many requests": says(429, {}),
    "a page that is not found": says(404, "<html>not found</html>"),
    "an error code that says something else": says(404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
    "a wrong password": says(401, {"error_code": 401, "message": "x"}),
    "no schema in the answer": says(200, {}),
    "no object": says(200, []),
    "no JSON": says(200, "schema"),
    "another place": says(302, {}),
    "a very long answer": says(200, {"schema": "x" * 5_000_000}),
}


@pytest.mark.parametrize("answer", NO_ANSWERS)
async def test_an_answer_that_says_nothing_is_no_answer_and_never_a_missing_schema(fake: tuple[FakeRegistry, str], answer: str) -> None:
    server, url = fake
    server.answers = [NO_ANSWERS[answer]]
    async with Registry([url], tries=1) as registry:
        with pytest.raises(RegistryUnavailableError):
            await registry.fetch([7])
        with pytest.raises(SchemaNotFetchedError):
            decode(TOPIC, b"\0\0\0\0\x07x", registry=registry)
        server.answers = [FOUND]
        await registry.fetch([7])
        assert registry.schema(7) == contract().schema(TOPIC).compact


async def test_a_registry_that_hangs_is_no_answer(fake: tuple[FakeRegistry, str]) -> None:
    server, url = fake
    server.answers = [hangs]
    async with Registry([url], tries=2, timeout_seconds=1.0) as registry:
        with pytest.raises(RegistryUnavailableError, match="no schema registry answers after 2 tries"):
            await registry.fetch([7, 8])
    assert len(server.asked) == 4, "two tries for each of two ids"


async def test_a_second_try_and_a_second_url_can_find_it(fake: tuple[FakeRegistry, str]) -> None:
    server, url = fake
    server.answers = [says(503, {}), FOUND]
    async with Registry(["http://127.0.0.1:1", url]) as registry:
        await registry.fetch([7])
        assert registry.schema(7)
    assert len(server.asked) == 2


async def test_nobody_listens(fake: tuple[FakeRegistry, str]) -> None:
    async with Registry(["http://127.0.0.1:1"], tries=1) as registry:
        with pytest.raises(RegistryUnavailableError, match=r"http://127\.0\.0\.1:1: "):
            await registry.fetch([7])


async def test_a_missing_id_is_asked_for_again_later(fake: tuple[FakeRegistry, str]) -> None:
    server, url = fake
    server.answers = [NOT_FOUND]
    value = b"\0\0\0\0\x07x"
    async with Registry([url]) as registry:
        await registry.fetch(registry.missing([value]))
        assert registry.missing([value]) == frozenset()
        registry._not_found[7] -= NOT_FOUND_SECONDS
        assert registry.missing([value]) == {7}
        server.answers = [FOUND]
        await registry.fetch([7])
        assert registry.schema(7)


async def test_however_many_ids_are_missing_those_of_the_batch_are_remembered(
    fake: tuple[FakeRegistry, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = fake
    server.answers = [NOT_FOUND]
    monkeypatch.setattr("processors.codec.registry.NOT_FOUND_MAX", 10)
    async with Registry([url]) as registry:
        for batch in range(5):
            ids = [batch * 7 + number for number in range(7)]
            await registry.fetch(ids)
            for schema_id in ids:
                with pytest.raises(MessageRejected):
                    registry.schema(schema_id)
        assert len(registry._not_found) == 10


async def test_user_and_password_are_sent(fake: tuple[FakeRegistry, str]) -> None:
    server, url = fake
    server.answers = [FOUND]
    async with Registry([url], username="me", password="secret") as registry:
        await registry.fetch([7])
    assert server.authorizations == ["Basic bWU6c2VjcmV0"]


async def test_a_certificate_is_checked() -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_side)
    server = FakeRegistry()
    server.answers = [FOUND]
    runner, url = await served(server, server_side)
    try:
        ours = ssl.create_default_context()
        async with Registry([url], tries=1, ssl_context=ours) as registry:
            with pytest.raises(RegistryUnavailableError, match="certificate verify failed"):
                await registry.fetch([7])
        authority.configure_trust(ours)
        async with Registry([url], tries=1, ssl_context=ours) as registry:
            await registry.fetch([7])
    finally:
        await runner.cleanup()
    assert server.asked == ["/schemas/ids/7"]


async def test_closing_ends_what_is_under_way(fake: tuple[FakeRegistry, str]) -> None:
    server, url = fake
    server.answers = [hangs]
    registry = Registry([url])
    waiting = asyncio.create_task(registry.fetch([7]))
    while not server.asked:
        await asyncio.sleep(0.01)
    await registry.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_a_registry_without_url_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one URL"):
        Registry([])
