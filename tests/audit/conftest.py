from __future__ import annotations

import uuid

import pytest

from processors.broker import Broker
from processors.settings import Settings
from tests.audit.writing import Written, write


@pytest.fixture(scope="session")
def written(broker: Broker) -> Written:
    """The journal and all that belongs to it, as the real worker wrote them on the real broker; nobody changes it.

    Who uses it carries `xdist_group("audit")`, so that it is written once.
    """
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    return write(Settings(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix, application_id=f"{prefix}multichannel"))
