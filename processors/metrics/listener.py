"""Where do a supervisor and Prometheus ask how the process is?

``/livez``: the process answers. ``/readyz``: 200 when there is nothing to say against it, else 503 with one reason a line.
``/metrics``: Prometheus' text format. One listener, on the loopback address unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from aiohttp import web

from processors.metrics.exposition import Exposition

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Listener:
    """The HTTP server; use it with ``async with``. ``port`` is the real one once it runs (0 asks for a free one)."""

    def __init__(
        self, exposition: Exposition, reasons_not_ready: Callable[[], Sequence[str]], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.port = port
        self._exposition = exposition
        self._reasons_not_ready = reasons_not_ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        app = web.Application()
        app.add_routes([web.get("/livez", self._live), web.get("/readyz", self._ready), web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; again does nothing."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self, _: web.Request) -> web.Response:
        reasons = self._reasons_not_ready()
        if reasons:
            return web.Response(status=503, text="\n".join(reasons) + "\n")
        return web.Response(text="ready\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._exposition.text(), headers={"Content-Type": CONTENT_TYPE})
