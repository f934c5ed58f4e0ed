"""Contestant: Quix Streams with exactly-once, in its own environment. Usage: `run` with the arguments BOOTSTRAP PREFIX."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]

from benchmarks.engine_job import INPUTS, decode_event, handle


def main(bootstrap: str, prefix: str) -> None:
    app = Application(
        broker_address=bootstrap, consumer_group=prefix + "quix", auto_offset_reset="earliest", processing_guarantee="exactly-once",
        commit_interval=1.0, commit_every=10_000, auto_create_topics=True, state_dir=tempfile.mkdtemp(prefix="quix-"), loglevel="WARNING",
        consumer_extra_config={"isolation.level": "read_committed"},
    )  # fmt: skip
    journal = app.topic(prefix + "journal", key_serializer="bytes", value_serializer="bytes")
    decisions = app.topic(prefix + "decisions", key_serializer="bytes", value_serializer="bytes")
    frames = [app.dataframe(app.topic(name, key_deserializer="bytes", value_deserializer="bytes")) for name in INPUTS]
    events = frames[0].concat(frames[1]).concat(frames[2])

    def work(value: bytes, state: Any) -> tuple[bytes, bytes]:
        new, entry, decision = handle(state.get("state"), decode_event(value))
        state.set("state", new)
        return entry, decision

    worked = events.apply(work, stateful=True)
    worked.apply(lambda pair: pair[0]).to_topic(journal)
    worked.apply(lambda pair: pair[1]).to_topic(decisions)
    app.run()


def run() -> None:
    """Compete, as the command line says."""
    main(*sys.argv[1:])
