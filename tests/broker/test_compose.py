"""Is docker-compose.yml right, and is Docker used where its engine runs? There is no engine here: a stand-in notes what it is asked."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from processors.broker import ServerUnavailableError, broker_status, compose, kafka, start_broker, stop_broker
from processors.settings import Settings

FILE = compose.COMPOSE_FILE
FAKE_DOCKER = r"""#!/bin/sh
echo "$KAFKA_PORT $*" >> "{folder}/asked"
case "$*" in
  version*) [ -e "{folder}/engine" ] || {{ echo "Cannot connect to the Docker daemon" >&2; exit 1; }}; echo 28.0;;
  "compose version"*) echo v2;;
  *" up "*) [ ! -e "{folder}/broken" ] || {{ echo "no space left on device" >&2; exit 1; }}; echo "$KAFKA_PORT" > "{folder}/port";;
  *" port kafka 9092") [ -e "{folder}/port" ] && echo "127.0.0.1:$(cat "{folder}/port")";;
  *" down"*) rm "{folder}/port";;
esac
"""


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    """The JSON schema of the Compose specification, as the package check-jsonschema carries it; only the file is used."""
    files = distribution("check-jsonschema").files or []
    (path,) = (file.locate() for file in files if file.name == "compose-spec.json")
    schema: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return schema


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stand-in for docker: `engine` there means that it runs, `asked` is what it was asked."""
    script = tmp_path / "docker"
    script.write_text(FAKE_DOCKER.format(folder=tmp_path))
    script.chmod(0o755)
    (tmp_path / "engine").touch()
    (tmp_path / "asked").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(broker_folder=tmp_path / "broker")


def test_the_file_keeps_the_compose_specification(specification: dict[str, Any]) -> None:
    jsonschema.validate(yaml.safe_load(FILE.read_text("utf-8")), specification)


def test_the_check_of_the_file_can_fail(specification: dict[str, Any]) -> None:
    described: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    described["services"]["kafka"]["port"] = described["services"]["kafka"].pop("ports")
    with pytest.raises(jsonschema.ValidationError, match="'port' was unexpected"):
        jsonschema.validate(described, specification)


def test_it_is_the_same_kafka_on_loopback_and_advertises_the_port_that_is_published() -> None:
    service = yaml.safe_load(FILE.read_text("utf-8"))["services"]["kafka"]
    assert service["image"] == f"apache/kafka:{kafka.VERSION}"
    assert service["ports"] == ["127.0.0.1:${KAFKA_PORT:-9092}:9092"]
    assert "HOST://127.0.0.1:${KAFKA_PORT:-9092}," in service["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_both_ways_to_run_kafka_set_the_same(tmp_path: Path) -> None:
    """What may differ: names and places of listeners, the controller's address, folders, and sizes for a small heap."""
    environment = yaml.safe_load(FILE.read_text("utf-8"))["services"]["kafka"]["environment"]
    by_docker = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in environment.items()}
    text = kafka._properties(kafka.Kafka(tmp_path, tmp_path, tmp_path, 512, 60), (1, 2), tmp_path)
    by_java = dict(re.findall(r"^([^=]+)=(.*)$", text, re.MULTILINE))
    places = re.compile(r"listener|quorum|log\.dirs|num\.partitions|log\.cleaner")
    assert {name: value for name, value in by_docker.items() if not places.search(name)} == {
        name: value for name, value in by_java.items() if not places.search(name)
    }


def test_where_an_engine_runs_the_broker_is_started_and_stopped_by_docker(
    docker: Path, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = start_broker(here)
    assert (started.kind, started.started_now) == ("docker", True)
    (up,) = [line for line in (docker / "asked").read_text().splitlines() if " up " in line]
    port, _, words = up.partition(" ")
    assert started.bootstrap_servers == (f"127.0.0.1:{port}",)
    assert re.fullmatch(rf"compose --project-name multichannel-[0-9a-f]{{8}} --file {re.escape(str(FILE))} up --detach --wait", words)
    found = broker_status(here)
    assert found is not None
    assert (found.kind, found.bootstrap_servers) == ("docker", started.bootstrap_servers)
    monkeypatch.setattr("processors.broker.choosing.why_unreachable", lambda *_: None)
    assert not start_broker(here).started_now
    stopped = stop_broker(here)
    assert stopped is not None
    assert stopped.kind == "docker"
    assert broker_status(here) is None


def test_what_docker_complains_of_is_said(docker: Path, here: Settings) -> None:
    (docker / "broken").touch()
    with pytest.raises(ServerUnavailableError, match="docker compose up failed: no space left on device"):
        start_broker(here)


def test_without_an_engine_docker_is_not_used_and_the_reason_is_said(docker: Path, here: Settings) -> None:
    (docker / "engine").unlink()
    reason = compose.why_not()
    assert reason is not None
    assert "Cannot connect to the Docker daemon" in reason
    with pytest.raises(ServerUnavailableError, match="a running Docker engine"):
        start_broker(here, by="docker")
    assert " up " not in (docker / "asked").read_text()


def test_docker_is_not_asked_where_it_was_not_used(docker: Path, here: Settings) -> None:
    assert broker_status(here) is None
    assert (docker / "asked").read_text() == ""
