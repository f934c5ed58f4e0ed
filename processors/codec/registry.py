"""Which schema stands behind an id of Confluent's framing, and under which id is ours known? A client of a schema registry.

Decoding with a registry takes two steps, so that nobody who decodes has to wait:

    await registry.fetch(registry.missing(values))   # ids of a batch: those not known yet are asked for, each once, and kept for ever
    event = decode(topic, value, registry=registry)  # finds them without waiting

Two things that must never be taken for each other are kept apart. The registry says that it has no such id: decode rejects the record
with UNKNOWN_SCHEMA, a dead letter. The registry does not answer: RegistryUnavailableError from fetch; stop, try again, lose nothing.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from processors.codec.messages import CONFLUENT
from processors.codec.rejected import MessageRejected
from processors.contract import Contract, ErrorCode

PAUSE_SECONDS: Final = 0.2
NOT_FOUND_SECONDS: Final = 30.0
NOT_FOUND_MAX: Final = 10_000
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
CONCURRENT_MAX: Final = 8
UNKNOWN_ID: Final = 40403
ID: Final = range(2**31)  # a registry's ids are Java ints; what a stray byte 0 makes of others is not worth asking for
HEADERS: Final = {
    "Accept": "application/vnd.schemaregistry.v1+json, application/json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}


class RegistryUnavailableError(Exception):
    """No registry gave an answer that says anything, in any try. Acknowledge nothing and try again later; never a dead letter."""


class RegistryRefusedError(Exception):
    """The registry does not take a schema of ours, most likely because another, incompatible one is registered. A person must look."""


class SchemaNotFetchedError(LookupError):
    """Decoding met a schema id that was not fetched before: a mistake of the caller, who left `fetch` out for this record."""


class Registry:
    """A client of one registry behind one or several URLs; use it as an async context manager, or close it.

    A request goes to each URL in turn until one answers, and all over again after a pause, `tries` times: with the defaults and one URL
    it takes 16 s at most.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_seconds: float = 5.0,
        tries: int = 3,
        username: str | None = None,
        password: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not urls:
            raise ValueError("a registry needs at least one URL")
        self.urls = tuple(url.rstrip("/") for url in urls)
        self.timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self.tries = tries
        self.headers = dict(HEADERS)
        if username is not None:
            self.headers["Authorization"] = aiohttp.encode_basic_auth(username, password or "")
        self.ssl_context = ssl_context
        self.ids: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None
        self._schemas: dict[int, str] = {}
        self._not_found: dict[int, float] = {}
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._at_once = asyncio.Semaphore(CONCURRENT_MAX)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is under way and close the connections."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def missing(self, values: Iterable[bytes | None]) -> frozenset[int]:
        """The schema ids in these records' values that are not known yet."""
        framed = {value[1:5] for value in values if value is not None and len(value) >= 5 and value[0] == CONFLUENT}
        ids = {int.from_bytes(schema_id, "big") for schema_id in framed}
        now = time.monotonic()
        return frozenset(one for one in ids if one in ID and one not in self._schemas and self._not_found.get(one, 0.0) <= now)

    async def fetch(self, ids: Iterable[int]) -> None:
        """Ask for schemas by id, at most one request in flight for each; RegistryUnavailableError where one gets no answer."""
        tasks = [self._task(schema_id) for schema_id in ids if schema_id in ID and schema_id not in self._schemas]
        if tasks:
            await asyncio.wait(tasks)
            errors = [error for task in tasks if (error := task.exception()) is not None]
            if errors:
                raise errors[0]

    def schema(self, schema_id: int) -> str:
        """The schema of a fetched id as JSON; UNKNOWN_SCHEMA where the registry had none, SchemaNotFetchedError where it was not asked."""
        found = self._schemas.get(schema_id)
        if found is None:
            if schema_id in ID and schema_id not in self._not_found:
                raise SchemaNotFetchedError(f"schema id {schema_id} was not fetched before decoding")
            raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, f"the schema registry has no schema with id {schema_id}")
        return found

    async def register(self, topic: str, contract: Contract, *, prefix: str = "") -> int:
        """The id of the newest schema of the topic's record, registered under the subject `<prefix><topic>-value` if it is not there yet.

        The subject's compatibility is set first: transitive, backward for inputs, both ways for outputs. The id stays in `ids[topic]`,
        for `encode(topic, message, schema_id=registry.ids.get(topic))`. RegistryRefusedError, RegistryUnavailableError.
        """
        subject = f"{prefix}{topic}-value"
        level = "BACKWARD_TRANSITIVE" if contract.topic(topic).is_input else "FULL_TRANSITIVE"
        await self._accepted("PUT", f"/config/{subject}", {"compatibility": level}, subject)
        answer = await self._accepted("POST", f"/subjects/{subject}/versions", {"schema": contract.schema(topic).compact}, subject)
        schema_id = answer.get("id")
        if not isinstance(schema_id, int):
            raise RegistryUnavailableError(f"{self.urls[0]}: no id in the answer to the registration of {subject}")
        self.ids[topic] = schema_id
        return schema_id

    def _task(self, schema_id: int) -> asyncio.Task[None]:
        task = self._asked.get(schema_id)
        if task is None:
            task = self._asked[schema_id] = asyncio.create_task(self._fetch(schema_id))
            task.add_done_callback(lambda _: self._asked.pop(schema_id, None))
        return task

    async def _fetch(self, schema_id: int) -> None:
        async with self._at_once:
            status, answer = await self._ask("GET", f"/schemas/ids/{schema_id}", None)
        if status == 200 and isinstance(schema := answer.get("schema"), str):
            self._schemas[schema_id] = schema
        elif status == 404 and answer.get("error_code") == UNKNOWN_ID:
            self._not_found.pop(schema_id, None)
            if len(self._not_found) >= NOT_FOUND_MAX:
                del self._not_found[next(iter(self._not_found))]  # the oldest; those of a batch that is about to be decoded stay
            self._not_found[schema_id] = time.monotonic() + NOT_FOUND_SECONDS
        else:
            raise RegistryUnavailableError(
                f"{', '.join(self.urls)}: status {status} for schema id {schema_id}, which says nothing: {answer}"
            )

    async def _accepted(self, method: str, path: str, body: dict[str, str], subject: str) -> dict[str, Any]:
        status, answer = await self._ask(method, path, body)
        if status != 200:
            raise RegistryRefusedError(f"{self.urls[0]}: {subject}: status {status}: {answer.get('message', answer)}")
        return answer

    async def _ask(self, method: str, path: str, body: dict[str, str] | None) -> tuple[int, dict[str, Any]]:
        """The first answer that says something: URLs in turn, then again after a pause, as often as there are tries."""
        wrong = ""
        for attempt in range(self.tries):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
            for url in self.urls:
                try:
                    return await self._ask_one(method, url + path, body)
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                    wrong = f"{url}: {str(error) or type(error).__name__}"
        raise RegistryUnavailableError(f"no schema registry answers after {self.tries} tries; the last one: {wrong}")

    async def _ask_one(self, method: str, url: str, body: dict[str, str] | None) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self.timeout, headers=self.headers)
        options: dict[str, Any] = {} if self.ssl_context is None else {"ssl": self.ssl_context}
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        async with self._session.request(method, url, data=data, allow_redirects=False, **options) as response:
            raw = bytearray()
            async for chunk in response.content.iter_any():
                raw += chunk
                if len(raw) > ANSWER_BYTES_MAX:
                    raise ValueError(f"an answer of more than {ANSWER_BYTES_MAX:,} bytes")
            if response.status in {401, 403}:
                raise ValueError(f"status {response.status}: user or password are wrong, or lack a right")
            if response.status >= 500 or response.status in {408, 429} or 300 <= response.status < 400:
                raise ValueError(f"status {response.status}")
            answer = json.loads(raw)
            if not isinstance(answer, dict):
                raise ValueError(f"status {response.status} without a JSON object")  # noqa: TRY004 - no answer, like the others
            return response.status, answer
