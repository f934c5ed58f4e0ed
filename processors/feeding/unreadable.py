"""What can keep a topic from being read or written? Two conditions, each with the sentence that a person needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TopicUnreadable(Exception):  # noqa: N818 - a condition, not a fault of the program
    """No broker answers, or it refuses; the message says which. Trying again later may work."""


class NoSuchTopic(TopicUnreadable):
    """The broker answers and has no such topic; `topics apply` makes those of topics.yaml."""


def servers(client_arguments: Mapping[str, Any]) -> str:
    """The servers of aiokafka's client arguments, for a message."""
    return ", ".join(client_arguments["bootstrap_servers"])
