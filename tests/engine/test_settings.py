"""Are settings refused that would break a promise?"""

from __future__ import annotations

from typing import Any

import pytest

from processors.engine import Deadlines, EngineSettings


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"deadlines": Deadlines(commit=21.0, handler=10.0)}, "rebalance_timeout_ms"),
        ({"deadlines": Deadlines(drain=30.0)}, "rebalance_timeout_ms"),
        ({"transaction_timeout_ms": 15_000}, "transaction_timeout_ms"),
        ({"transaction_timeout_ms": 20_001}, "transaction_timeout_ms.*whole seconds"),
        ({"consumer_request_timeout_ms": 30_000}, "consumer_request_timeout_ms"),
        ({"heartbeat_interval_ms": 10_000}, "session_timeout_ms"),
        ({"sequence_records_max": 2**31}, "sequence_records_max"),
        ({"producer_request_timeout_ms": 8_000}, "producer_request_timeout_ms"),
        ({"store": "rocksdb"}, "store_directory"),
    ],
)
def test_a_setting_that_contradicts_another_is_refused_by_name(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EngineSettings(**changed)


def test_every_client_learns_of_new_metadata_soon() -> None:
    assert EngineSettings().client("any")["metadata_max_age_ms"] == 10_000


def test_client_options_reach_every_client() -> None:
    assert EngineSettings(client_options={"security_protocol": "SSL"}).client("any")["security_protocol"] == "SSL"
