"""Is an application refused that cannot keep its promises on this broker?"""

from __future__ import annotations

import asyncio

import pytest

from processors.engine import ExitCode, Output, StartRefusedError
from processors.engine.startup import TopicFacts, checked_targets
from tests.engine.conftest import Topics, until
from tests.engine.job import Recorder, Running, build, problems, quiet, worker

GOOD = {
    "a": TopicFacts(4, {}),
    "b": TopicFacts(4, {}),
    "out": TopicFacts(4, {"max.message.bytes": "5000"}),
    "dead": TopicFacts(1, {}),
    "log": TopicFacts(4, {"cleanup.policy": "compact"}),
}
OUTPUTS = (Output("out"), Output("dead", copartitioned=False))


def check(**changed: TopicFacts) -> int:
    count, targets = checked_targets({**GOOD, **changed}, inputs=("a", "b"), outputs=OUTPUTS, changelog="log")
    assert targets["out"].limit_bytes == 5_000
    return count


def test_what_fits_together_is_accepted() -> None:
    assert check() == 4


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"b": TopicFacts(3, {})}, "co-partitioned"),
        ({"out": TopicFacts(2, {"max.message.bytes": "5000"})}, "output 'out' has 2"),
        ({"log": TopicFacts(5, {"cleanup.policy": "compact"})}, "changelog 'log' has 5"),
        ({"log": TopicFacts(4, {"cleanup.policy": "compact,delete"})}, "cleanup.policy"),
        ({"log": TopicFacts(4, {"cleanup.policy": "delete"})}, "cleanup.policy"),
    ],
)
def test_what_does_not_fit_is_named(changed: dict[str, TopicFacts], complaint: str) -> None:
    with pytest.raises(StartRefusedError, match=complaint):
        check(**changed)


async def refused(topics: Topics, **options: str) -> tuple[list[int], str]:
    recorder = Recorder()
    async with Running(build(topics, fail_stop=recorder.stop, **options)):  # type: ignore[arg-type]
        await until(lambda: recorder.codes)
    return recorder.codes, recorder.reason


async def test_partition_counts_are_read_from_the_broker(topics: Topics) -> None:
    await topics.make("a", "out")
    await topics.make("b", partitions=3)
    await topics.make("changelog", compacted=True)
    codes, reason = await refused(topics)
    assert codes == [ExitCode.MISCONFIGURED]
    assert "has 3 partitions" in reason


async def test_topics_that_come_late_are_waited_for(topics: Topics) -> None:
    async def late() -> None:
        await asyncio.sleep(1.0)
        await topics.make_all()
        await topics.send("a", 20)

    making = asyncio.create_task(late())
    async with Running(build(topics)):
        await making
        await quiet(topics, 20)


async def test_topics_that_never_come_end_in_unavailable(topics: Topics) -> None:
    process = await worker(topics, "start=1")
    assert await process.wait() == ExitCode.UNAVAILABLE


async def test_python_without_asserts_is_refused(topics: Topics) -> None:
    await topics.make_all()
    process = await worker(topics, python=("-O",))
    assert await process.wait() == ExitCode.MISCONFIGURED


async def test_a_reset_of_the_groups_offsets_is_refused_with_the_way_back(topics: Topics) -> None:
    await topics.make_all()
    await topics.send("a", 40)
    async with Running(build(topics)):
        await quiet(topics, 40)
    await topics.reset_offsets({("a", 0): 0, ("a", 1): 0})
    codes, reason = await refused(topics)
    assert codes == [ExitCode.FAILED]
    assert "set the offset back to" in reason


async def test_a_second_application_under_the_same_id_is_refused(topics: Topics) -> None:
    await topics.make_all()
    await topics.make("other")
    await topics.make("other-changelog", compacted=True)
    await topics.send("a", 10)
    async with Running(build(topics, inputs=("a",))):
        await quiet(topics, 10)
    codes, reason = await refused(topics, inputs=("other",), changelog="other-changelog")  # type: ignore[arg-type]
    assert codes == [ExitCode.MISCONFIGURED]
    assert "another application" in reason


async def test_a_changelog_that_was_deleted_is_refused(topics: Topics) -> None:
    await topics.make_all()
    await topics.send("a", 10)
    async with Running(build(topics)):
        await quiet(topics, 10)
    await topics.make("fresh-changelog", compacted=True)
    codes, reason = await refused(topics, changelog="fresh-changelog")
    assert codes == [ExitCode.FAILED]
    assert "holds no marker" in reason


async def test_a_changelog_that_another_program_writes_to_is_refused(topics: Topics) -> None:
    await topics.make_all()
    await topics.send("changelog", 3, keys=1)
    codes, reason = await refused(topics)
    assert codes == [ExitCode.FAILED]
    assert "holds 3 records but no marker" in reason


async def test_offsets_that_are_no_longer_retained_do_not_matter(topics: Topics) -> None:
    await topics.make_all()
    await topics.send("a", 30)
    async with Running(build(topics)):
        await quiet(topics, 30)
    await topics.forget_group()
    await topics.send("a", 30, start=30)
    async with Running(build(topics)):
        await quiet(topics, 60)
    assert await problems(topics) == []
