"""Where does a real Apache Kafka come from on this machine? It is found or started, waited for and stopped here."""

from __future__ import annotations

from processors.broker.choosing import Broker, broker_status, start_broker, stop_broker
from processors.broker.failures import ServerBusyError, ServerUnavailableError
from processors.broker.reaching import Unreachable, why_unreachable

__all__ = [
    "Broker",
    "ServerBusyError",
    "ServerUnavailableError",
    "Unreachable",
    "broker_status",
    "start_broker",
    "stop_broker",
    "why_unreachable",
]
