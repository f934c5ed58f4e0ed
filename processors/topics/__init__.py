"""Has a broker the topics of topics.yaml, as they are described there; and if not, what would make it so?

`plan` compares, `apply` creates and changes what can be changed without harm, `complaints` is what the worker asks at start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processors.topics.cluster import TopicsError, apply, observe, partition_counts, plan
from processors.topics.differences import Cluster, Difference, Existing, Kind, Wanted, compare, wanted_topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processors.contract import Topic

__all__ = [
    "Cluster",
    "Difference",
    "Existing",
    "Kind",
    "TopicsError",
    "Wanted",
    "apply",
    "compare",
    "complaints",
    "observe",
    "partition_counts",
    "plan",
    "wanted_topics",
]


async def complaints(arguments: dict[str, Any], topics: Iterable[Topic], prefix: str = "") -> tuple[str, ...]:
    """What keeps a worker from running on this broker: each names topic, setting, found and wanted. Topics beyond the contract do no harm.

    Raises:
        TopicsError: the broker does not answer or refuses to say.
    """
    return tuple(str(difference) for difference in await plan(arguments, topics, prefix) if difference.wanted != "nothing")
