"""Contestant: Faust as its own documentation shows it, default or tuned.

Usage: `run` with the arguments BOOTSTRAP PREFIX default|tuned.

At least once only: Faust's exactly_once leaves the transaction for topics that the app does not consume. "Tuned" sends without awaiting,
lets the producer linger, commits seldom and buffers more; batches by `take` are out, as they cannot write tables.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import faust

from benchmarks.engine_job import INPUTS, PARTITIONS, State, decode_event, decode_state, encode_state, handle

TUNED: dict[str, Any] = {
    "broker_commit_interval": 10.0,
    "broker_commit_every": 50_000,
    "producer_linger": 0.02,
    "producer_max_batch_size": 500_000,
    "stream_buffer_maxsize": 16_384,
    "stream_publish_on_commit": False,
    "stream_wait_empty": False,
    "broker_max_poll_records": 5_000,
    "table_standby_replicas": 0,
}


def make_app(bootstrap: str, prefix: str, how: str) -> faust.App:
    tuned = how == "tuned"
    app = faust.App(
        f"{prefix}faust-{how}", broker=f"kafka://{bootstrap}", store="memory://", web_enabled=False, topic_disable_leader=True,
        topic_partitions=PARTITIONS, datadir=tempfile.mkdtemp(prefix="faust-"), **(TUNED if tuned else {}),
    )  # fmt: skip
    inputs = app.topic(*INPUTS, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", partitions=PARTITIONS)
    raw: dict[str, Any] = {"key_serializer": "raw", "value_serializer": "raw", "key_type": bytes, "value_type": bytes}
    journal, decisions = app.topic(prefix + "journal", **raw), app.topic(prefix + "decisions", **raw)
    customers = app.Table("customers", partitions=PARTITIONS, key_type=bytes, value_type=bytes)

    @app.agent(inputs)
    async def work(stream: faust.StreamT[bytes]) -> None:
        cache: dict[bytes, State] = {}
        async for key, value in stream.items():
            row = customers.get(key)
            state = cache.get(key) if tuned else (decode_state(row) if row else None)
            new, entry, decision = handle(state, decode_event(value))
            if tuned:
                cache[key] = new
            customers[key] = encode_state(new)
            if tuned:
                journal.send_soon(key=key, value=entry)
                decisions.send_soon(key=key, value=decision)
            else:
                await journal.send(key=key, value=entry)
                await decisions.send(key=key, value=decision)

    return app


def run() -> None:
    """Compete, as the command line says."""
    made = make_app(*sys.argv[1:])
    sys.argv = [sys.argv[0], "worker", "--without-web", "--loglevel", "warn"]
    made.main()
