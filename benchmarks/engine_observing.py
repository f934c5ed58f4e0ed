"""How fast is a contestant, what does it cost, and how late is its output? Seen from outside, through Kafka and /proc alone."""

from __future__ import annotations

import io
import os
import random
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Producer, TopicPartition
from fastavro import schemaless_reader

from benchmarks.engine_job import DECISION, PARTITIONS, encode_event
from tests.faults.brokers import Broker, cpu_seconds

KINDS = ("ORDER", "PAYMENT", "RETURN")
SAMPLE_SECONDS = 0.04
STEPS_MIN = 5
WARM_UP_SECONDS = 1.0
FIRST_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 45.0
IDLE_SHARE = 0.1
"""Of one core; a broker of this size that nobody asks anything takes 0.03 to 0.05."""
IDLE_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one run: events a second, and microseconds of CPU per event of the contestant and of the broker."""

    events: int
    rate: float
    own_cpu: float
    broker_cpu: float


@dataclass(frozen=True, slots=True)
class Latency:
    """From produce to a read_committed consumer, in milliseconds."""

    count: int
    p50: float
    p99: float


def event(draw: random.Random, serial: int, customers: int, kind: str, occurred_at: int) -> tuple[bytes, bytes]:
    """Key and value of one input record."""
    customer = f"customer-{draw.randrange(customers):06d}"
    value = {
        "event_id": f"{serial:032x}", "customer": customer, "kind": kind, "amount": draw.randrange(1000), "occurred_at": occurred_at,
        "note": "as agreed by telephone" if serial % 3 else None,
    }  # fmt: skip
    return customer.encode(), encode_event(value)


def until_idle(broker: Broker) -> float:
    """Wait until the broker has taken next to no CPU time for a second; return the seconds waited."""
    begun = time.monotonic()
    while time.monotonic() < begun + IDLE_SECONDS_MAX:
        at, used = time.monotonic(), broker.cpu_seconds()
        time.sleep(1)
        if broker.cpu_seconds() - used < IDLE_SHARE * (time.monotonic() - at):
            return time.monotonic() - begun
    raise TimeoutError(f"the broker is not idle after {IDLE_SECONDS_MAX:.0f} s")


def fill(broker: Broker, inputs: Sequence[str], count: int, customers: int) -> None:
    """Produce `count` events in all, evenly over the inputs."""
    draw = random.Random(1)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
    for serial in range(count):
        which = serial % len(inputs)
        key, value = event(draw, serial, customers, KINDS[which], 1_700_000_000_000_000 + serial)
        producer.produce(inputs[which], value, key)
        if serial % 10_000 == 0:
            producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("the events could not be produced")


class Contestant:
    """A child process, ended by the context manager's exit."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._command, self._log = command, log
        self._environment = {**os.environ, "PYTHONWARNINGS": "ignore", **environment}

    def __enter__(self) -> Contestant:  # noqa: PYI034 (not to be subclassed)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def require_alive(self) -> None:
        """Raise RuntimeError with the end of its log if it ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the contestant ended with {self.process.returncode}:\n{self._log.read_text(errors='replace')[-2000:]}")


class Progress:
    """How many input events are done: by the group's committed offsets, or by the output topic of those that commit seldom."""

    def __init__(self, broker: Broker, group: str, inputs: Sequence[str], output: str | None) -> None:
        self._consumer = Consumer({
            "bootstrap.servers": broker.bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2,
            "isolation.level": "read_uncommitted",  # else an open transaction that will move them holds the answer back, for seconds
        })  # fmt: skip
        self._places = [TopicPartition(name, partition) for name in inputs for partition in range(PARTITIONS)]
        self._output = output

    def count(self) -> int:
        """Input events done so far; 0 while the broker does not say."""
        try:
            if self._output is None:
                return sum(max(0, place.offset) for place in self._consumer.committed(self._places, timeout=5))
            ends = [
                self._consumer.get_watermark_offsets(TopicPartition(self._output, number), timeout=5)[1] for number in range(PARTITIONS)
            ]
            return sum(ends)
        except KafkaException:
            return 0

    def close(self) -> None:
        """Let go of the client."""
        self._consumer.close()


def measure(broker: Broker, contestant: Contestant, progress: Progress, events: int, seconds: float) -> Speed:
    """Watch from the first progress until all events are done or `seconds` have passed; the first second does not count.

    Progress comes in steps of a transaction or more, so the measurement begins and ends at a step.
    """
    limit = time.monotonic() + FIRST_SECONDS_MAX
    while progress.count() == 0:
        contestant.require_alive()
        if time.monotonic() > limit:
            raise TimeoutError("the contestant makes no progress")
        time.sleep(SAMPLE_SECONDS)
    pid = contestant.process.pid
    begun = time.monotonic()
    steps: list[tuple[float, int, float, float]] = []
    seen = 0
    while seen < events and time.monotonic() < begun + WARM_UP_SECONDS + seconds:
        time.sleep(SAMPLE_SECONDS)
        contestant.require_alive()
        count = progress.count()
        if count > seen:
            seen = count
            steps.append((time.monotonic(), count, cpu_seconds(pid), broker.cpu_seconds()))
    counted = [step for step in steps if step[0] > begun + WARM_UP_SECONDS]
    if len(counted) < STEPS_MIN:
        why = (
            "everything was done before the measurement began: use more events"
            if seen >= events
            else "it commits too seldom: use more seconds"
        )
        raise RuntimeError(f"{len(counted)} steps of progress were seen, {STEPS_MIN} are needed; {why}")
    (first_at, first, own_first, broker_first), (last_at, last, own_last, broker_last) = counted[0], counted[-1]
    made = last - first
    return Speed(made, made / (last_at - first_at), 1e6 * (own_last - own_first) / made, 1e6 * (broker_last - broker_first) / made)


def until_working(broker: Broker, contestant: Contestant, progress: Progress, inputs: Sequence[str]) -> float:
    """Give each partition of each input one event and wait until all are done; return the seconds waited."""
    begun = time.monotonic()
    draw = random.Random(3)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    places = [(which, number) for which in range(len(inputs)) for number in range(PARTITIONS)]
    for serial, (which, number) in enumerate(places):
        key, value = event(draw, serial, 1_000, KINDS[which], time.time_ns() // 1000)
        producer.produce(inputs[which], value, key, partition=number)
    if producer.flush(30):
        raise RuntimeError("the first events could not be produced")
    while progress.count() < len(places):
        contestant.require_alive()
        if time.monotonic() > begun + FIRST_SECONDS_MAX:
            raise TimeoutError("the contestant does not finish its first events")
        time.sleep(SAMPLE_SECONDS)
    return time.monotonic() - begun


def measure_latency(broker: Broker, inputs: Sequence[str], output: str, rate: float, seconds: float) -> Latency:
    """Produce at `rate` events a second and read the decisions as they become visible; the first quarter does not count."""
    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap, "group.id": "latency", "enable.auto.commit": False, "isolation.level": "read_committed",
        "fetch.wait.max.ms": 100, "log_level": 2,
    })  # fmt: skip
    ends = {number: consumer.get_watermark_offsets(TopicPartition(output, number), timeout=10)[1] for number in range(PARTITIONS)}
    consumer.assign([TopicPartition(output, number, end or OFFSET_END) for number, end in ends.items()])
    stopping = threading.Event()
    producing = threading.Thread(target=_produce, args=(broker, inputs, rate, seconds, stopping))
    warm = time.time_ns() // 1000 + int(seconds * 250_000)
    producing.start()
    late: list[float] = []
    limit = time.monotonic() + seconds + 2
    try:
        while time.monotonic() < limit:
            message = consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            seen = time.time_ns() // 1000
            decision = schemaless_reader(io.BytesIO(message.value() or b""), DECISION, None)
            if decision["occurred_at"] > warm:  # type: ignore[index,call-overload,operator]
                late.append((seen - decision["occurred_at"]) / 1000)  # type: ignore[index,call-overload,operator]
    finally:
        stopping.set()
        producing.join(10)
        consumer.close()
    expected = rate * seconds * 0.75
    if len(late) < 0.9 * expected:
        raise RuntimeError(f"{len(late)} decisions of about {expected:.0f} arrived")
    late.sort()
    return Latency(len(late), late[len(late) // 2], late[int(len(late) * 0.99)])


def _produce(broker: Broker, inputs: Sequence[str], rate: float, seconds: float, stopping: threading.Event) -> None:
    draw = random.Random(2)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0})
    begun = time.monotonic()
    for serial in range(int(rate * seconds)):
        wait = begun + serial / rate - time.monotonic()
        if wait > 0 and stopping.wait(wait):
            break
        which = serial % len(inputs)
        key, value = event(draw, serial, 1_000, KINDS[which], time.time_ns() // 1000)
        producer.produce(inputs[which], value, key)
        producer.poll(0)
    producer.flush(10)
