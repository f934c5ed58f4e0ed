"""Do Prometheus and a supervisor get the truth, in the form they expect?"""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from processors.engine.figures import EngineFigures, PartitionFigures
from processors.engine.readings import readings
from processors.metrics import METRICS, Distribution, Exposition, Kind, Listener, Metric, Reading
from processors.topology import Figures, Topology
from processors.topology.readings import topology_readings

CLOSED_SETS = {"partition", "topic", "disposition", "outcome", "error_code"}  # no id may be a label
SECONDS = Metric("multichannel_test_seconds", Kind.HISTOGRAM, "For a test.")


def figures() -> EngineFigures:
    made = EngineFigures(records=7, batches=2)
    made.committed(0.004)
    made.committed(0.3)
    made.committed(60.0)
    made.partitions[3] = PartitionFigures(state="running", lag_records=11, state_bytes=5)
    return made


def topology() -> Topology:
    """As far as its figures go: one of each."""
    one = Counter(one=1)
    figures = Figures(events=one, dispositions=one, decisions=one, dead_letters=one)
    plan, customers = SimpleNamespace(planned=lambda: 1), SimpleNamespace(count=lambda: 1, count_held=lambda: 1)
    made = SimpleNamespace(figures=figures, plan=plan, customers=customers, review_due_overdue_seconds=lambda: 0.0)
    return cast("Topology", made)


def test_every_metric_that_is_read_is_documented_and_every_documented_one_is_read() -> None:
    read = [*readings(figures()), *topology_readings(topology())]
    assert {reading.metric for reading in read} == set(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"multichannel_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert metric.meaning.endswith(".")
    assert set(metric.labels) <= CLOSED_SETS


def test_prometheus_own_parser_reads_what_is_exposed() -> None:
    exposition = Exposition()
    exposition.add(lambda: readings(figures()))
    families = {family.name: family for family in text_string_to_metric_families(exposition.text().decode())}
    assert families["multichannel_records"].samples[0].value == 7
    assert families["multichannel_lag_records"].samples[0].labels == {"partition": "3"}
    commit = {sample.labels.get("le"): sample.value for sample in families["multichannel_commit_seconds"].samples}
    assert (commit["0.005"], commit["0.25"], commit["0.5"], commit["10"], commit["+Inf"]) == (1, 1, 2, 2, 3)
    assert "process_cpu_seconds" in families


def test_a_number_is_no_distribution() -> None:
    exposition = Exposition()
    exposition.add(lambda: [Reading(SECONDS, 3.0)])
    with pytest.raises(TypeError, match="multichannel_test_seconds"):
        exposition.text()


def test_a_distribution_has_one_count_more_than_bounds() -> None:
    exposition = Exposition()
    exposition.add(lambda: [Reading(SECONDS, Distribution((1.0,), (2,), 3.0))])
    with pytest.raises(ValueError, match="shorter"):
        exposition.text()


async def test_ready_says_what_stands_against_it() -> None:
    reasons = ["partition 3: restoring, 1200 changelog offsets left"]
    exposition = Exposition()
    exposition.add(lambda: readings(figures()))
    async with Listener(exposition, lambda: reasons) as listener, aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as client:
        async with client.get("/livez") as answer:
            assert (answer.status, await answer.text()) == (200, "live\n")
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, reasons[0] + "\n")
        reasons.clear()
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (200, "ready\n")
        async with client.get("/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b"multichannel_records_total 7.0" in await answer.read()
        async with client.get("/") as answer:
            assert answer.status == 404


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with Listener(Exposition(), list) as listener:
        with pytest.raises(OSError, match="in use"):
            await Listener(Exposition(), list, port=listener.port).start()
