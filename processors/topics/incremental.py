"""How is one setting of a topic changed without touching the others?

aiokafka has only AlterConfigs, which resets every setting that the request leaves out, also those that somebody set
in between. Kafka's IncrementalAlterConfigs (KIP-339, brokers since 2.3) changes what it names and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

if TYPE_CHECKING:
    from collections.abc import Mapping

API_KEY = 44
TOPIC = 2
SET = 0


class IncrementalAlterConfigsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """Version 0: one result per topic."""

    API_KEY = API_KEY
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(("error_code", Int16), ("error_message", String("utf-8")), ("resource_type", Int8), ("resource_name", String("utf-8"))),
        ),
    )


class IncrementalAlterConfigsStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    """Version 0: settings to set, per topic."""

    API_KEY = API_KEY
    API_VERSION = 0
    RESPONSE_TYPE = IncrementalAlterConfigsResponse
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                ("configs", Array(("name", String("utf-8")), ("config_operation", Int8), ("value", String("utf-8")))),
            ),
        ),
        ("validate_only", Boolean),
    )


class IncrementalAlterConfigs(Request[IncrementalAlterConfigsStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Set these settings of these topics: `{topic: {setting: value}}`."""

    API_KEY = API_KEY

    def __init__(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        self._resources = [(TOPIC, topic, [(name, SET, value) for name, value in settings.items()]) for topic, settings in changes.items()]

    def build(self, request_struct_class: type[IncrementalAlterConfigsStruct]) -> IncrementalAlterConfigsStruct:
        """As aiokafka asks, once it has agreed on a version with the broker."""
        return request_struct_class(self._resources, False)
