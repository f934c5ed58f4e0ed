"""How does a test own a Kafka broker that it may kill, freeze and restart at will?

`Broker` runs Apache Kafka (KRaft, one node) as a child process with two listeners: one that clients use directly and one whose advertised
address is
a proxy's, so that a client that bootstraps through the proxy stays behind it. Liveness limits are short so that a killed broker is back
in seconds.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic  # the binding re-exports it without saying so

_QUIET = logging.getLogger("tests.faults.brokers")  # a broker that is not up yet is no news
_QUIET.setLevel(logging.CRITICAL)

START_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 30.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=DIRECT://127.0.0.1:{direct},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=DIRECT://127.0.0.1:{direct},PROXIED://127.0.0.1:{proxy}
inter.broker.listener.name=DIRECT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.retention.ms=-1
log.cleaner.enable=false
"""

_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
"""


def free_ports(count: int) -> list[int]:
    """Loopback ports nobody listens on now, below the ephemeral ones: while a broker is down, no client's own end may take its port."""
    drawn: list[int] = []
    for _ in range(1000):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port not in drawn and probe.connect_ex(("127.0.0.1", port)) != 0:
                drawn.append(port)
        if len(drawn) == count:
            return drawn
    raise RuntimeError("no free ports between 20000 and 32000")


class Broker:
    """One broker in `folder`; `libraries` holds Kafka's jars, `properties` more configuration.

    Every method has a deadline and raises TimeoutError after it.
    """

    def __init__(self, folder: Path, libraries: Path, properties: str = "") -> None:
        self.folder = folder.absolute()
        self.libraries = libraries.absolute()
        self.properties = _PROPERTIES + properties
        self.direct, self.behind, self.proxy, self.controller = free_ports(4)
        self.replicas = 1
        self.launches = 0
        self.pauses = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The direct listener."""
        return f"127.0.0.1:{self.direct}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def format(self, cluster: str | None = None) -> None:
        """Write the configuration and an empty storage, deleting what an earlier run left. Alone unless a cluster's id is given."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        properties = self.folder / "server.properties"
        properties.write_text(
            self.properties.format(
                direct=self.direct, behind=self.behind, proxy=self.proxy, controller=self.controller, data=self.folder / "data"
            )
        )
        (self.folder / "log4j2.properties").write_text(_LOGGING)
        command = ["format", "-t", cluster or self.new_cluster(), "-c", str(properties), *([] if cluster else ["--standalone"])]
        subprocess.run(self._java("kafka.tools.StorageTool", *command), capture_output=True, check=True, timeout=60)

    def new_cluster(self) -> str:
        """A cluster's id."""
        made = subprocess.run(self._java("kafka.tools.StorageTool", "random-uuid"), capture_output=True, check=True, timeout=60)
        return made.stdout.decode().strip()

    def _java(self, *arguments: str) -> list[str]:
        java = shutil.which("java")
        assert java is not None, "Java 17 is needed"
        options = [
            "-Xms256m",
            "-Xmx768m",
            "-XX:+UseG1GC",
            "-XX:TieredStopAtLevel=4",
            f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties",
        ]
        return [java, *options, "-cp", f"{self.libraries}/*", *arguments]

    def launch(self) -> None:
        """Start the process and return at once."""
        assert self._process is None or self._process.poll() is not None, "the broker runs already"
        self.launches += 1
        log = (self.folder / "broker.log").open("ab")
        with log:
            command = self._java("kafka.Kafka", str(self.folder / "server.properties"))
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

    def listens(self) -> bool:
        """Whether the direct listener accepts and Kafka answers metadata with a broker in it."""
        try:
            admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}, logger=_QUIET)
            return bool(admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def wait_ready(self) -> None:
        limit = time.monotonic() + START_SECONDS_MAX
        while not self.listens():
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the broker ended: {self.tail()}")
            if time.monotonic() > limit:
                raise TimeoutError(f"the broker was not ready after {START_SECONDS_MAX:.0f} s: {self.tail()}")
            time.sleep(0.1)

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM (Kafka's orderly stop), SIGKILL when that takes too long."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self.resume()
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)

    def revive(self) -> None:
        """Continue or start it, whichever it needs, and wait until it answers."""
        if self._process is None or self._process.poll() is not None:
            self.launch()
        else:
            self.resume()
        self.wait_ready()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        self.pauses += 1

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def tail(self) -> str:
        path = self.folder / "broker.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def create_topics(self, topics: dict[str, tuple[int, dict[str, str]]]) -> None:
        """Topics by name: (partitions, settings). Waits until the broker says they exist."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        new = [
            NewTopic(name, num_partitions=count, replication_factor=self.replicas, config=config)
            for name, (count, config) in topics.items()
        ]
        for future in admin.create_topics(new, operation_timeout=30, request_timeout=30).values():
            future.result(30)
        limit = time.monotonic() + 30
        while not set(topics) <= set(admin.list_topics(timeout=5).topics):
            if time.monotonic() > limit:
                raise TimeoutError("the topics do not appear")
            time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """User and system time a process has used so far, threads included; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
