"""What does a client do when the network between it and the broker misbehaves?

A TCP proxy on loopback whose port the broker advertises (see `brokers.py`), so nothing needs to be rewritten. It runs in a thread of its
own and is
told what to do by `set`; everything it holds is limited, and `stop` ends it whatever it was doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

CHUNK_BYTES = 65_536
HELD_BYTES_MAX = 8 << 20  # what may wait in one direction of one connection; then the proxy reads no more, as a full socket would
CONNECTIONS_MAX = 500
STOP_SECONDS_MAX = 10.0
ANSWER_SECONDS_MAX = 5.0


class Mode(StrEnum):
    """What happens to bytes and to new connections."""

    PASS = "pass"
    REFUSE = "refuse"  # existing connections are reset, new ones refused: the listening socket is closed
    BLACK_HOLE = "black-hole"  # connections are accepted and stay; no byte passes in either direction
    HOLD_REQUESTS = "hold-requests"  # client to broker waits, broker to client passes
    HOLD_ANSWERS = "hold-answers"  # the broker hears and acts; its answers wait
    DEAD = "dead"  # connections that exist now are silent for ever, new ones are fine (a firewall that forgot them)
    DELAY = "delay"  # every chunk waits `delay_seconds`, each way


@dataclass(eq=False)
class _Connection:
    """One client connection with its counterpart at the broker."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter | None = None
    dead: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        """Close both ends with RST, so that the peers notice at once and what was held is lost."""
        for writer in (self.client, self.broker):
            if writer is not None:
                _abort(writer)
        for task in self.tasks:
            task.cancel()


class Proxy:
    """Listens on `port` and forwards to `target` on loopback. Use as a context manager; methods may be called from any thread."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self.counts: Counter[str] = Counter()
        self._mode = Mode.PASS
        self._delay_seconds = 0.0
        self._changed = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def mode(self) -> Mode:
        return self._mode

    def set(self, mode: Mode, delay_seconds: float = 0.0) -> None:
        """Change the fault. What was held under the former mode is delivered, except on dead connections."""
        self._call(self._set(mode, delay_seconds))

    def reset_all(self) -> None:
        """Reset every connection now; the mode stays."""
        self._call(self._reset_all())

    def stop(self) -> None:
        """Reset everything, close the listener, end the thread."""
        if not self._thread.is_alive():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS_MAX)
        if self._thread.is_alive():
            raise TimeoutError("the proxy's thread does not end")
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(STOP_SECONDS_MAX)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=CHUNK_BYTES, reuse_address=True)

    async def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _set(self, mode: Mode, delay_seconds: float) -> None:
        self._mode, self._delay_seconds = mode, delay_seconds
        if mode is Mode.DEAD:
            for connection in self._connections:
                connection.dead = True
        if mode is Mode.REFUSE:
            await self._unlisten()
            await self._reset_all()
        else:
            await self._listen()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _reset_all(self) -> None:
        for connection in list(self._connections):
            self.counts["reset"] += 1
            connection.reset()

    async def _close(self) -> None:
        await self._unlisten()
        await self._reset_all()
        until = self._loop.time() + ANSWER_SECONDS_MAX
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:  # again and again: one that just connects may swallow it (asyncio.wait_for of Python 3.11)
                task.cancel()
            await asyncio.wait(others, timeout=0.1)
            if self._loop.time() >= until:
                raise TimeoutError(f"{len(others)} tasks of the proxy do not end")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        if len(self._connections) >= CONNECTIONS_MAX:
            self.counts["over the limit"] += 1
            connection.reset()
            return
        self.counts["accepted"] += 1
        self._connections.add(connection)
        current = asyncio.current_task()
        assert current is not None
        connection.tasks.append(current)
        try:
            await self._forward(connection, reader)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            connection.reset()
            self._connections.discard(connection)

    async def _forward(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        broker_reader, broker = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK_BYTES), ANSWER_SECONDS_MAX
        )
        connection.broker = broker
        up = asyncio.create_task(self._pump(connection, reader, broker, Mode.HOLD_REQUESTS))
        down = asyncio.create_task(self._pump(connection, broker_reader, connection.client, Mode.HOLD_ANSWERS))
        connection.tasks += [up, down]
        await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)

    def _held(self, connection: _Connection, hold: Mode) -> bool:
        return connection.dead or self._mode in {Mode.BLACK_HOLE, hold}

    async def _pump(self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter, hold: Mode) -> None:
        """One direction: a reader that fills a bounded queue and a loop that empties it when it may."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(HELD_BYTES_MAX // CHUNK_BYTES)
        clock = self._loop.time

        async def fill() -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(CHUNK_BYTES):
                    self.counts["held"] += self._held(connection, hold)
                    await queue.put((clock() + (self._delay_seconds if self._mode is Mode.DELAY else 0.0), data))
            await queue.put((clock(), b""))  # the end travels behind the data, whatever ended it

        filling = asyncio.create_task(fill())
        connection.tasks.append(filling)
        try:
            while True:
                due, data = await queue.get()
                while self._held(connection, hold):
                    await self._changed.wait()
                if (wait := due - clock()) > 0:
                    self.counts["delayed"] += 1
                    await asyncio.sleep(wait)
                if not data:
                    return
                sink.write(data)
                await sink.drain()
        except OSError:
            return
        finally:
            filling.cancel()


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
