"""Which settings are there? One field each: name, type, default, meaning; units stand last in a name."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from processors.settings.wrong import ContradictionError, WrongSetting

ENVIRONMENT_PREFIX = "MULTICHANNEL_"
SETTINGS_FILE_VARIABLE = "MULTICHANNEL_SETTINGS_FILE"
LICENCE_TRANSFER_FROM = datetime(2024, 6, 1, tzinfo=UTC)

_HOST_AND_PORT = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")


def _split(value: object) -> object:
    """A list in one environment variable: parts separated by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _check_server(value: object) -> object:
    """`host:port`, the port between 1 and 65535."""
    match = _HOST_AND_PORT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= 65_535:
        raise ValueError("host:port, several separated by commas")
    return value


def _check_url(value: object) -> object:
    """An http(s) URL without a user or a password in it: those would be printed in logs."""
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("URLs that begin with http:// or https://, several separated by commas")
    if parts.username or parts.password:
        raise ValueError("URLs without user and password in them (schema_registry_username and schema_registry_password are for those)")
    return str(value).rstrip("/")


def _check_topic_name(value: object) -> object:
    """What Kafka allows in a name, and short enough that it fits before one."""
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9._-]{0,100}", value) is None:
        raise ValueError("at most 100 letters, digits, dots, underscores and hyphens")
    return value


def _read_instant_or_off(value: object) -> object:
    """An instant with its offset from UTC; the word `off` says never, which is None in Python."""
    if isinstance(value, str):
        if value.strip().lower() == "off":
            return None
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            value = ""
    if value is not None and not (isinstance(value, datetime) and value.tzinfo is not None):
        raise ValueError("an instant like 2024-06-01T00:00:00Z, or off")
    return value


def _refuse_boolean(value: object) -> object:
    """TOML's `true` is no number, although Python's bool is an int."""
    if isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 - pydantic turns a ValueError into a complaint, a TypeError into a crash
    return value


def _write_off(value: datetime | None) -> str:
    return "off" if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


Server = Annotated[str, BeforeValidator(_check_server)]
Url = Annotated[str, BeforeValidator(_check_url)]
Servers = Annotated[tuple[Server, ...], NoDecode, BeforeValidator(_split)]
Urls = Annotated[tuple[Url, ...], NoDecode, BeforeValidator(_split)]
InstantOrOff = Annotated[AwareDatetime | None, BeforeValidator(_read_instant_or_off), PlainSerializer(_write_off)]
Whole = Annotated[int, BeforeValidator(_refuse_boolean)]
Number = Annotated[float, BeforeValidator(_refuse_boolean)]
TopicName = Annotated[str, BeforeValidator(_check_topic_name)]


class Settings(BaseSettings):
    """Everything that can be set. Build it with `load_settings()`, which also knows where each value stands."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    # Kafka
    kafka_bootstrap_servers: Servers = Field(
        default=(), description="Brokers to ask first, `host:port` separated by commas. Empty: the broker of `multichannel broker start`."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How to talk to the brokers; SSL is TLS."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How to log in, with SASL_PLAINTEXT or SASL_SSL."
    )
    kafka_sasl_username: str | None = Field(default=None, description="The user to log in as.")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="That user's password; never printed.")
    kafka_ssl_ca_file: Path | None = Field(
        default=None, description="Certificate authorities (PEM) that may vouch for the brokers. Absent: the system's."
    )
    kafka_ssl_certificate_file: Path | None = Field(default=None, description="Our own certificate (PEM) where brokers ask for one.")
    kafka_ssl_key_file: Path | None = Field(default=None, description="The key (PEM) of that certificate.")
    kafka_ssl_key_password: SecretStr | None = Field(default=None, description="The password of that key; never printed.")
    kafka_request_timeout_ms: Whole = Field(default=40_000, ge=1_000, le=600_000, description="How long one request to a broker may take.")
    kafka_session_timeout_ms: Whole = Field(
        default=10_000, ge=2_000, le=300_000, description="A worker silent for so long loses its partitions; 6000 for a fast takeover."
    )
    kafka_heartbeat_interval_ms: Whole = Field(
        default=3_000, ge=100, le=100_000, description="How often a worker says that it lives; at most a third of the session timeout."
    )
    kafka_group_instance_id: str | None = Field(
        default=None, description="A fixed name per worker slot, where a supervisor restarts workers within the session timeout."
    )

    # schema registry
    schema_registry_urls: Urls = Field(
        default=(), description="URLs of one schema registry, separated by commas. Empty: none, records are framed as Avro single objects."
    )
    schema_registry_username: str | None = Field(default=None, description="The user of the schema registry.")
    schema_registry_password: SecretStr | None = Field(default=None, description="That user's password; never printed.")
    schema_registry_ca_file: Path | None = Field(
        default=None, description="Certificate authorities (PEM) that may vouch for the schema registry. Absent: the system's."
    )
    schema_registry_timeout_seconds: Number = Field(default=5.0, gt=0, le=120, description="How long one request to it may take.")

    # identity
    application_id: TopicName = Field(
        default="multichannel", min_length=1, description="Name of the consumer group, of the transactional ids and of the changelog topic."
    )
    topic_prefix: TopicName = Field(default="", description="Stands before every topic name; for tests that share a broker.")

    # limits at the door
    subscriptions_per_customer_max: Whole = Field(
        default=2_000, ge=1, le=100_000, description="More subscriptions decided for per customer: dead letter TOO_LARGE."
    )
    partners_per_customer_max: Whole = Field(
        default=200, ge=1, le=10_000, description="More partners decided for per customer: dead letter TOO_LARGE."
    )
    pairs_per_customer_max: Whole = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="A larger product of a customer's subscriptions and partners: dead letter TOO_LARGE.",
    )
    record_max_bytes: Whole = Field(
        default=1_000_000, ge=1_000, le=100_000_000, description="A larger record is not read: dead letter TOO_LARGE."
    )
    clock_ahead_tolerance_seconds: Number = Field(
        default=300.0,
        ge=0,
        le=31_536_000,
        description="occurred_at later than the record's own timestamp by more than this: dead letter CLOCK_AHEAD.",
    )
    remembered_event_ids_per_customer: Whole = Field(
        default=100, ge=1, le=100_000, description="A repeat of one of the last so many event ids applied for a customer is a duplicate."
    )
    bad_record_share_max: Number = Field(
        default=0.5, gt=0, le=1, description="A larger share of invalid records among the last ones stops the worker; 1 never does."
    )
    bad_record_window_records: Whole = Field(
        default=1_000, ge=10, le=1_000_000, description="How many of the last records that share is taken over."
    )

    # policy
    licence_transfer_from: InstantOrOff = Field(
        default=LICENCE_TRANSFER_FROM,
        description="From when on licence-based subscriptions can be transferred between partners, as an instant, or `off`. "
        "UNCONFIRMED: the default is an assumption that the sources do not settle.",
    )

    # health, metrics, logs
    health_host: str = Field(default="127.0.0.1", min_length=1, description="Address on which /livez, /readyz and /metrics are served.")
    health_port: Whole = Field(default=0, ge=0, le=65_535, description="Port for them; 0: a free one, which the log names.")
    log_format: Literal["auto", "text", "json"] = Field(default="auto", description="auto: text on a terminal, otherwise JSON.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="The least severe messages to log.")

    # the broker of `multichannel broker start`
    broker_folder: Path = Field(default=Path(".broker"), description="Data, logs and state of the broker started here.")
    broker_cache_folder: Path | None = Field(
        default=None, description="Where downloaded servers are kept; several checkouts may share one. Absent: `cache` in broker_folder."
    )
    broker_start_timeout_seconds: Number = Field(
        default=60.0, gt=0, le=3_600, description="How long a broker may take until it answers, downloads not counted."
    )
    broker_download_timeout_seconds: Number = Field(default=600.0, gt=0, le=7_200, description="How long Maven may take to download it.")
    broker_heap_mib: Whole = Field(default=512, ge=128, le=65_536, description="Java heap of the broker started here.")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        """Refuse settings that contradict each other; where silence would mean less security than the person thinks, above all."""
        complaints = [*_contradictions_of_sasl(self), *_contradictions_of_tls(self), *_contradictions_elsewhere(self)]
        if complaints:
            raise ContradictionError(complaints)
        return self


def _contradictions_of_sasl(settings: Settings) -> list[WrongSetting]:
    protocol = settings.kafka_security_protocol
    login = {
        "kafka_sasl_mechanism": settings.kafka_sasl_mechanism,
        "kafka_sasl_username": settings.kafka_sasl_username,
        "kafka_sasl_password": settings.kafka_sasl_password,
    }
    if protocol.startswith("SASL_"):
        return [
            WrongSetting(name, "nothing", f"a value, because kafka_security_protocol is {protocol}")
            for name, value in login.items()
            if not value
        ]
    return [
        WrongSetting(name, "a value", f"SASL_SSL or SASL_PLAINTEXT as kafka_security_protocol, which is {protocol}, or no value")
        for name, value in login.items()
        if value is not None
    ]


def _contradictions_of_tls(settings: Settings) -> list[WrongSetting]:
    protocol = settings.kafka_security_protocol
    files = {
        "kafka_ssl_ca_file": settings.kafka_ssl_ca_file,
        "kafka_ssl_certificate_file": settings.kafka_ssl_certificate_file,
        "kafka_ssl_key_file": settings.kafka_ssl_key_file,
    }
    told = {name: path for name, path in files.items() if path is not None}
    complaints = [
        WrongSetting(name, repr(str(path)), f"SSL or SASL_SSL as kafka_security_protocol, which is {protocol}, or no value")
        for name, path in told.items()
        if not protocol.endswith("SSL")
    ]
    if settings.schema_registry_ca_file is not None:
        told["schema_registry_ca_file"] = settings.schema_registry_ca_file
    complaints += [WrongSetting(name, repr(str(path)), "a file that can be read") for name, path in told.items() if not path.is_file()]
    if settings.kafka_ssl_key_file is not None and settings.kafka_ssl_certificate_file is None:
        complaints.append(WrongSetting("kafka_ssl_certificate_file", "nothing", "the certificate of kafka_ssl_key_file"))
    if settings.kafka_ssl_key_password is not None and settings.kafka_ssl_key_file is None:
        complaints.append(WrongSetting("kafka_ssl_key_file", "nothing", "the key that kafka_ssl_key_password opens"))
    return complaints


def _contradictions_elsewhere(settings: Settings) -> list[WrongSetting]:
    complaints = []
    if settings.kafka_heartbeat_interval_ms * 3 > settings.kafka_session_timeout_ms:
        found, wanted = settings.kafka_heartbeat_interval_ms, settings.kafka_session_timeout_ms // 3
        complaints.append(WrongSetting("kafka_heartbeat_interval_ms", str(found), f"at most {wanted}, a third of kafka_session_timeout_ms"))
    if (settings.schema_registry_username is None) != (settings.schema_registry_password is None):
        missing = "schema_registry_username" if settings.schema_registry_username is None else "schema_registry_password"
        complaints.append(WrongSetting(missing, "nothing", "user and password of the schema registry, both or neither"))
    if settings.schema_registry_username is not None and not settings.schema_registry_urls:
        complaints.append(WrongSetting("schema_registry_urls", "nothing", "a URL, because schema_registry_username is set"))
    return complaints
