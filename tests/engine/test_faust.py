"""Does what is promised of Faust work: its command line, its worker, its test context; and does nothing of its Kafka side start?"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import faust
import pytest

from processors.engine import Batch, EngineApp, ExitCode, Pipeline, create_app
from processors.engine.bench import Bench, BenchRecord
from tests.engine.conftest import Topics, until
from tests.engine.job import QUICK, REPOSITORY, Recorder, Running, build, quiet

MODULE = """
from tests.engine.conftest import Topics, until
from tests.engine.job import build
app = build(Topics({servers!r}, {prefix!r})).app
"""


async def faust_command(folder: Path, topics: Topics, *words: str) -> asyncio.subprocess.Process:
    (folder / "wired.py").write_text(MODULE.format(servers=topics.servers, prefix=topics.prefix), encoding="utf-8")
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "faust"),
        *("-A", "wired", *words),
        cwd=folder,
        env={"PYTHONPATH": f"{REPOSITORY}:{folder}", "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.mark.parametrize(("words", "expected"), [(("agents", "--local"), "counting"), (("tables",), "counts")])
async def test_the_command_line_lists_what_is_wired(tmp_path: Path, words: tuple[str, ...], expected: str) -> None:
    process = await faust_command(tmp_path, Topics(["127.0.0.1:1"], "x-"), *words)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert expected in output.decode()


async def test_fausts_own_worker_runs_the_pipeline_and_stops_well(topics: Topics, tmp_path: Path) -> None:
    await topics.make_all()
    await topics.send("a", 50)
    process = await faust_command(tmp_path, topics, "worker", "-l", "warn")
    await quiet(topics, 50)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_dir() and path.name != "__pycache__"] == []


async def test_nothing_of_fausts_kafka_side_is_started(topics: Topics) -> None:
    await topics.make_all()
    pipeline = build(topics)
    async with Running(pipeline):
        app = pipeline.app
        parts = (app.consumer, app.producer, app.topics, app.tables, app._leader_assignor, app._reply_consumer, app.web, app.cache)
        assert [part for part in parts if part.started] == []
        assert app.agents.started


@pytest.fixture
async def pipeline() -> Pipeline:
    return Pipeline(create_app("bench"), inputs=["a"], outputs=["out"], changelog="log", settings=QUICK)


async def test_an_agent_is_tested_in_fausts_test_context_without_kafka(pipeline: Pipeline) -> None:
    table = pipeline.table("counts")

    @pipeline.app.agent(pipeline.channel)
    async def counting(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            with batch:
                for record in batch:
                    table[record.key] = b"%d" % (int(table.get(record.key, b"0")) + 1)
                    batch.emit("out", record.key, table[record.key])

    bench = Bench(pipeline)
    async with counting.test_context() as agent:
        first = await bench.work_through(agent.put, [BenchRecord("a", 0, b"x"), BenchRecord("a", 1, b"y")])
        second = await bench.work_through(agent.put, [BenchRecord("a", 2, b"x")])
    assert [(record.key, record.value) for record in first] == [(b"x", b"1"), (b"y", b"1")]
    assert [(record.key, record.value) for record in second] == [(b"x", b"2")]


async def test_the_bench_tells_what_an_agent_raised(pipeline: Pipeline) -> None:
    bench = Bench(pipeline)

    async def directly(batch: Batch) -> None:
        with pytest.raises(ZeroDivisionError), batch:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.work_through(directly, [BenchRecord("a", 0)])


async def test_a_second_table_is_refused(pipeline: Pipeline) -> None:
    pipeline.table("counts")
    with pytest.raises(ValueError, match=r"one table.*'counts'"):
        pipeline.table("more")


@pytest.mark.parametrize("agents", [0, 2])
async def test_a_channel_that_not_exactly_one_agent_reads_is_refused(topics: Topics, agents: int) -> None:
    await topics.make_all()
    recorder = Recorder()
    pipeline = build(topics, fail_stop=recorder.stop)
    if agents == 0:
        pipeline.app.agents.clear()
    else:

        @pipeline.app.agent(pipeline.channel)
        async def another(batches: faust.StreamT[Batch]) -> None:
            async for batch in batches:
                with batch:
                    pass

    async with Running(pipeline):
        await until(lambda: recorder.codes)
    assert recorder.codes == [ExitCode.MISCONFIGURED]
    assert f"{agents} agents" in recorder.reason


async def test_a_table_of_another_app_is_refused() -> None:
    app = faust.App("plain", broker="kafka://nowhere")
    with pytest.raises(TypeError, match="create_app"):
        Pipeline(app, inputs=["a"], changelog="log").table("counts")
    assert not isinstance(app, EngineApp)
