"""How do plain numbers become the text that Prometheus reads?

Whoever has numbers registers a source; it is asked when somebody scrapes, so counting costs the worker nothing but additions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from processors.metrics.definitions import Kind, Metric


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram: upper bounds, how many fell into each (not cumulated; one more for the rest), and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Reading(NamedTuple):
    """One number of one metric."""

    metric: Metric
    value: float | Distribution
    labels: tuple[str, ...] = ()


Source = Callable[[], Iterable[Reading]]


class Exposition(Collector):
    """Collects from all sources, and from the process itself, when asked."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def add(self, source: Source) -> None:
        """Ask this source too."""
        self._sources.append(source)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        """Group the readings of all sources by metric."""
        families: dict[Metric, CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily] = {}
        for source in self._sources:
            for metric, value, labels in source():
                family = families.get(metric)
                if family is None:
                    family = families[metric] = _family(metric)
                if isinstance(family, HistogramMetricFamily):
                    if not isinstance(value, Distribution):
                        raise TypeError(f"{metric.name} is a histogram and needs a Distribution")
                    family.add_metric(labels, _cumulated(value), value.total)
                elif isinstance(value, Distribution):
                    raise TypeError(f"{metric.name} is no histogram and needs a number")
                else:
                    family.add_metric(labels, value)
        yield from families.values()


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
    match metric.kind:
        case Kind.COUNTER:
            return CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        case Kind.GAUGE:
            return GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        case Kind.HISTOGRAM:
            return HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        case _:
            assert_never(metric.kind)


def _cumulated(value: Distribution) -> list[tuple[str, float]]:
    buckets, running = [], 0
    for bound, count in zip((*value.bounds, float("inf")), value.counts, strict=True):
        running += count
        buckets.append(("+Inf" if bound == float("inf") else f"{bound:g}", float(running)))
    return buckets
