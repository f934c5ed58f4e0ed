"""How do known inputs reach the topics at a steady rate, whatever happens to the broker meanwhile?"""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, Message, Producer

from tests.faults import job

DELIVERY_SECONDS_MAX = 300


class Feed:
    """Produces `contents` at `rate` records a second, each at least once. Call `tick` often.

    A record that a retry doubles is an input like any other: the oracle goes by what is in the topics.
    """

    def __init__(self, bootstrap: str, prefix: str, contents: list[job.Input], rate: float) -> None:
        self.contents = contents
        self._prefix = prefix
        self._rate = rate
        self._sent = 0
        self._delivered = 0
        self._failed: list[str] = []
        self._begun: float | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",  # not idempotent: librdkafka was seen to report two records at one offset, of which one was not there
                "partitioner": "murmur2_random",
                "linger.ms": 2,
                "message.timeout.ms": DELIVERY_SECONDS_MAX * 1000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
            }
        )

    def tick(self) -> None:
        """Send what is due now. Raises RuntimeError when a record could not be delivered."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        due = min(len(self.contents), int((now - self._begun) * self._rate))
        while self._sent < due:
            one = self.contents[self._sent]
            self._producer.produce(self._prefix + one.topic, one.value, one.key, on_delivery=self._done)
            self._sent += 1
        self._producer.poll(0)
        if self._failed:
            raise RuntimeError(f"the feed could not deliver: {self._failed[:3]}")

    def _done(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._delivered += 1
        else:
            self._failed.append(str(error))

    @property
    def delivered(self) -> int:
        return self._delivered

    @property
    def finished(self) -> bool:
        return self.delivered == len(self.contents)
