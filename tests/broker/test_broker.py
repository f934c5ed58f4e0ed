"""Is the broker real, found again, and stopped only if it is ours?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processors.settings import Settings, kafka_client_arguments

if TYPE_CHECKING:
    from processors.broker import Broker


async def test_a_record_in_a_transaction_is_read_back_and_an_aborted_one_is_not(settings: Settings, topic_prefix: str) -> None:
    arguments = kafka_client_arguments(settings)
    topic = f"{topic_prefix}records"
    admin = AIOKafkaAdminClient(**arguments)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(**arguments, transactional_id=f"{topic_prefix}writer") as producer:
        for word in (b"aborted", b"committed"):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, word)
            await (producer.abort_transaction() if word == b"aborted" else producer.commit_transaction())
    async with AIOKafkaConsumer(**arguments, isolation_level="read_committed", auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        assert (await consumer.getone()).value == b"committed"


def test_all_workers_get_the_same_broker(broker: Broker) -> None:
    assert broker.data_folder is not None
    users = json.loads((broker.data_folder.parents[1] / "kafka-users" / "users.json").read_text())
    assert str(os.getpid()) in users
