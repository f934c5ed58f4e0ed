"""With which arguments does an aiokafka client reach the configured brokers?"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from processors.settings.wrong import SettingsError, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from processors.settings.model import Settings

METADATA_MAX_AGE_MS = 10_000  # engine.md 7: heals a missed rebalance in seconds instead of five minutes


def kafka_client_arguments(settings: Settings, bootstrap_servers: Sequence[str] | None = None) -> dict[str, Any]:
    """Keyword arguments for every aiokafka client: servers, TLS, login.

    `bootstrap_servers` replaces the configured ones, where a command found the broker of this machine.

    Raises:
        SettingsError: no server is known, or a certificate file is none.
    """
    servers = tuple(bootstrap_servers or settings.kafka_bootstrap_servers)
    if not servers:
        wanted = "host:port of a Kafka broker, or a broker of this machine (multichannel broker start)"
        raise SettingsError([WrongSetting("kafka_bootstrap_servers", "nothing", wanted, "MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS")])
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(servers),
        "security_protocol": settings.kafka_security_protocol,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL_") and settings.kafka_sasl_password is not None:
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_sasl_username
        arguments["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    return arguments


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    """Host names and certificates are always checked; there is no setting that switches it off."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_ca_file)
    except (ssl.SSLError, OSError):
        raise _not_pem("kafka_ssl_ca_file", settings.kafka_ssl_ca_file, "certificates in PEM form") from None
    if settings.kafka_ssl_certificate_file is not None:
        password = settings.kafka_ssl_key_password
        try:
            # an empty password instead of none: OpenSSL would ask on the terminal and wait for ever
            secret = password.get_secret_value() if password is not None else ""
            context.load_cert_chain(settings.kafka_ssl_certificate_file, settings.kafka_ssl_key_file, password=lambda: secret)
        except (ssl.SSLError, OSError, ValueError):
            wanted = "a certificate and its key in PEM form, and the key's password where it has one"
            raise _not_pem("kafka_ssl_certificate_file", settings.kafka_ssl_certificate_file, wanted) from None
    return context


def _not_pem(name: str, path: Path | None, wanted: str) -> SettingsError:
    return SettingsError([WrongSetting(name, repr(str(path)), wanted)])
