"""How does a test own three brokers, of which any one may be killed, frozen or restarted?"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.faults.brokers import Broker

NODES = (1, 2, 3)
IN_SYNC_SECONDS_MAX = 60.0

_PROPERTIES = """\
node.id={node}
controller.quorum.bootstrap.servers=
controller.quorum.voters={voters}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
replica.lag.time.max.ms=4000
controlled.shutdown.enable=true
"""


class Cluster:
    """Three brokers, every partition on all of them, two of which must acknowledge. `bootstrap` names them all."""

    def __init__(self, folder: Path, libraries: Path) -> None:
        self.nodes = [Broker(folder / str(node), libraries) for node in NODES]
        ports = [port for node in self.nodes for port in (node.direct, node.behind, node.controller)]
        assert len(set(ports)) == len(ports), "two brokers drew one port; run it again"
        voters = ",".join(f"{number}@127.0.0.1:{node.controller}" for number, node in zip(NODES, self.nodes, strict=True))
        for number, node in zip(NODES, self.nodes, strict=True):
            node.properties += _PROPERTIES.format(node=number, voters=voters)
            node.replicas = len(NODES)
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)
        self.create_topics = self.nodes[0].create_topics

    def start(self) -> None:
        identity = self.nodes[0].new_cluster()
        for node in self.nodes:
            node.format(identity)
            node.launch()
        self.await_in_sync()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def await_in_sync(self) -> None:
        """Wait until every broker runs and every partition's replicas are in sync, so that any one broker may go."""
        limit = time.monotonic() + IN_SYNC_SECONDS_MAX
        while not self._in_sync():
            if time.monotonic() > limit:
                raise TimeoutError(f"the replicas did not get in sync: {[node.tail() for node in self.nodes]}")
            time.sleep(0.1)

    def _in_sync(self) -> bool:
        try:
            known = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(timeout=2)
        except KafkaException:
            return False
        partitions = [partition for topic in known.topics.values() for partition in topic.partitions.values()]
        return len(known.brokers) == len(NODES) and all(len(partition.isrs) == len(NODES) for partition in partitions)

    def leaders(self, topics: Callable[[str], bool]) -> dict[tuple[str, int], int]:
        """The leader of each partition of these topics."""
        known = AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=10).topics
        return {(name, number): part.leader for name, topic in known.items() if topics(name) for number, part in topic.partitions.items()}
