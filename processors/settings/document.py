"""How are the settings explained to a person? The text of `docs/settings.md`, made from the model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr

from processors.settings.model import ENVIRONMENT_PREFIX, SETTINGS_FILE_VARIABLE, Settings

HEAD = f"""# Settings

<!-- made by `make docs`; a test fails where it is stale -->

Each setting is an environment variable, or a key of a TOML file: the key is the name below, the variable is `{ENVIRONMENT_PREFIX}`
and the name in capitals. The environment wins. An empty variable counts as not set. The file is the one that
`{SETTINGS_FILE_VARIABLE}` names, else `multichannel.toml` in the working folder if there is one.

A variable that begins with `{ENVIRONMENT_PREFIX}`, or a key of the file, that is no setting stops the start with exit code 78
and names the nearest setting; so does a value that cannot be used. Passwords are never printed.

    # multichannel.toml
    kafka_bootstrap_servers = "kafka-1.example.com:9093,kafka-2.example.com:9093"
    kafka_security_protocol = "SASL_SSL"
    kafka_sasl_mechanism = "SCRAM-SHA-512"
    kafka_sasl_username = "multichannel"
    kafka_ssl_ca_file = "/etc/multichannel/ca.pem"
    # the password by environment: {ENVIRONMENT_PREFIX}KAFKA_SASL_PASSWORD

| name | value | default | meaning |
|---|---|---|---|
"""


def document() -> str:
    """The whole page, in Markdown."""
    rows = [
        f"| `{name}` | {_value(field.annotation, field.metadata)} | {_default(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def _value(annotation: object, metadata: list[object]) -> str:
    """What may stand there, in words."""
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{symbol}`" for symbol in get_args(annotation))
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] if type(None) in get_args(annotation) else [annotation]
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return _value(kind, metadata)
    if kind is SecretStr:
        return "secret text"
    if kind is Path:
        return "path"
    if get_origin(kind) is tuple:
        return "list"
    if kind in {int, float}:
        low = next((f"from {limit.ge:,}" for limit in metadata if isinstance(limit, Ge)), None)
        above = next((f"above {limit.gt:,}" for limit in metadata if isinstance(limit, Gt)), None)
        high = next(f"to {limit.le:,}" for limit in metadata if isinstance(limit, Le))
        return f"{'whole number' if kind is int else 'number'} {low or above} {high}"
    return "text" if kind is str else "instant or `off`"


def _default(name: str) -> str:
    """As it would be written in the file."""
    default = Settings.model_construct().model_dump(mode="json")[name]
    return "" if default in (None, "", []) else f"`{default}`"
