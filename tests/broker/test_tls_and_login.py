"""Do our settings reach a broker that asks for TLS and a login, and is it said clearly when they do not? One start of Kafka, about 20 s."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from processors.broker import children, downloads, kafka, why_unreachable
from processors.broker.choosing import cache_folder
from processors.broker.prerequisites import look_for_prerequisites
from processors.settings import kafka_client_arguments, load_settings
from tests.conftest import broker_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Ended

PASSWORD = 'pa"ss-\\w0rd'
WRONG = "not-this-one"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
pytestmark = pytest.mark.xdist_group("guarded broker")


@dataclass(frozen=True)
class GuardedBroker:
    server: str
    folder: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    """A broker with one listener that wants TLS and a login, and takes a client's certificate where there is one."""
    folder = tmp_path_factory.mktemp("guarded")
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    stranger.cert_pem.write_to_path(str(folder / "stranger.pem"))
    (folder / "broker.pem").write_bytes(_key_and_chain(authority.issue_cert("127.0.0.1")))
    client = authority.issue_cert("worker@example.com")
    client.private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    (port,) = children.free_ports(1)
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    modules = {mechanism.lower(): "scram.ScramLoginModule required" for mechanism in MECHANISMS[1:]}
    modules["plain"] = f'plain.PlainLoginModule required user_worker="{quoted}"'
    properties = {
        "listener.name.guarded.ssl.keystore.type": "PEM",
        "listener.name.guarded.ssl.keystore.location": str(folder / "broker.pem"),
        "listener.name.guarded.ssl.truststore.type": "PEM",
        "listener.name.guarded.ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.guarded.ssl.client.auth": "requested",
        "listener.name.guarded.sasl.enabled.mechanisms": ",".join(MECHANISMS),
        **{
            f"listener.name.guarded.{name}.sasl.jaas.config": f"org.apache.kafka.common.security.{module};"
            for name, module in modules.items()
        },
    }
    cache = cache_folder(broker_settings())
    found = look_for_prerequisites()
    assert found.java is not None, found.lacking
    libraries = downloads.fetched(kafka.NAME, cache, found.maven, lambda _: None, 300)
    listener = kafka.Guarded("SASL_SSL", port, properties, {"worker": PASSWORD})
    with children.locked(folder / "kafka", 10):
        process = kafka.start(kafka.Kafka(folder / "kafka", found.java, libraries, 256, 90, listener))
    yield GuardedBroker(f"127.0.0.1:{port}", folder)
    children.stop(process)


def _key_and_chain(issued: trustme.LeafCert) -> bytes:
    """Kafka reads keys as PKCS #8 only."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain


@pytest.fixture
def variables(guarded: GuardedBroker, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The right settings, in the environment."""
    told = {
        "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": guarded.server,
        "MULTICHANNEL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "MULTICHANNEL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "MULTICHANNEL_KAFKA_SASL_USERNAME": "worker",
        "MULTICHANNEL_KAFKA_SASL_PASSWORD": PASSWORD,
        "MULTICHANNEL_KAFKA_SSL_CA_FILE": str(guarded.folder / "ca.pem"),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_record_goes_in_and_out_with_each_way_to_log_in(
    variables: dict[str, str], guarded: GuardedBroker, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_SASL_MECHANISM", mechanism)
    monkeypatch.setenv("MULTICHANNEL_KAFKA_SSL_CERTIFICATE_FILE", str(guarded.folder / "client.pem"))
    arguments = kafka_client_arguments(load_settings())
    topic = f"t{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**arguments)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(**arguments, transactional_id=topic) as producer, producer.transaction():
        await producer.send_and_wait(topic, b"guarded")
    async with AIOKafkaConsumer(**arguments, auto_offset_reset="earliest", isolation_level="read_committed") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        assert (await consumer.getone()).value == b"guarded"


def test_a_command_works_with_the_right_settings(variables: dict[str, str], multichannel: Callable[..., Ended]) -> None:
    done = multichannel("broker", "status")
    assert (done.code, "running" in done.stdout) == (0, True), done.stderr


@pytest.mark.timeout(300)
def test_the_main_job_and_its_audit_work_over_tls_and_with_a_login(variables: dict[str, str], multichannel: Callable[..., Ended]) -> None:
    """Admin, engine (fencing, restore, transactions), consumers and `verify`, each with clients of its own."""
    done = multichannel("run", "--customers", "16", "--kafka", "required")
    assert done.code == 0, done.stderr
    assert "answers in force are those that replay computes" in done.stdout
    checked = multichannel("verify", "--inputs")
    assert (checked.code, "everything is as it must be" in checked.stdout) == (0, True), checked.stderr


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"KAFKA_SASL_PASSWORD": WRONG}, 78, ("refuses the login", "kafka_sasl_username and kafka_sasl_password")),
        ({"KAFKA_SASL_PASSWORD": WRONG, "KAFKA_SASL_MECHANISM": "PLAIN"}, 78, ("refuses the login", "kafka_sasl_password")),
        ({"KAFKA_SASL_USERNAME": "nobody"}, 78, ("refuses the login", "kafka_sasl_username")),
        ({"KAFKA_SSL_CA_FILE": "stranger.pem"}, 78, ("is not trusted", "kafka_ssl_ca_file")),
        ({"KAFKA_SSL_CA_FILE": ""}, 78, ("is not trusted", "kafka_ssl_ca_file")),
        ({"KAFKA_BOOTSTRAP_SERVERS": "localhost:{port}"}, 78, ("is for another name", "kafka_bootstrap_servers")),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SSL_CA_FILE": ""}, 69, ("kafka_security_protocol",)),
    ],
)
def test_what_is_wrong_is_said_once_and_without_the_password(
    variables: dict[str, str],
    guarded: GuardedBroker,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    code: int,
    said: tuple[str, ...],
    multichannel: Callable[..., Ended],
) -> None:
    for name, value in changed.items():
        told = str(guarded.folder / value) if value.endswith(".pem") else value.format(port=guarded.server.rpartition(":")[2])
        monkeypatch.setenv(f"MULTICHANNEL_{name}", told)
    done = multichannel("topics", "plan")
    assert done.code == code, done.stderr
    for each in said:
        assert each in done.stderr
    output = done.stdout + done.stderr
    assert output.startswith("multichannel: ")
    assert output.count("\n") == 1
    assert PASSWORD not in output
    assert WRONG not in output


def test_tls_is_not_spoken_with_a_broker_that_does_not(guarded: GuardedBroker, variables: dict[str, str]) -> None:
    plain = kafka.bootstrap_server(guarded.folder / "kafka")
    assert plain is not None
    reason = why_unreachable(kafka_client_arguments(load_settings(), [plain]), 5)
    assert reason is not None
    assert plain in reason.message
