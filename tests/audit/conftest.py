from __future__ import annotations

import tarfile
import uuid
from pathlib import Path

import pytest

from processors.audit.folder_source import FolderSource
from processors.broker import Broker
from processors.settings import Settings
from tests.audit.writing import Written, write

RELEASED = Path(__file__).parent / "released"


@pytest.fixture(scope="session")
def written(broker: Broker) -> Written:
    """The journal and all that belongs to it, as the real worker wrote them on the real broker; nobody changes it.

    Who uses it carries `xdist_group("audit")`, so that it is written once.
    """
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    return write(Settings(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix, application_id=f"{prefix}multichannel"))


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `export --inputs` wrote of a journal of the first revision; the events are those of tests/audit/writing.py."""
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(RELEASED / "revision-1.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return folder / "rel"


@pytest.fixture(scope="session")
def released_source(released: Path) -> FolderSource:
    return FolderSource(released)
