"""What every system promises of its counts: whatever commit fails, and whenever the process dies, they are those of a
run that nothing ever happened to; and what a scrape has shown, the next run has.
"""

import asyncio

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from worlds import CLOCK_S, ENDS, FAULTS, SYSTEMS, Life, as_untouched, live_through, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("restless")]

THEN = ("none", "scraped", *FAULTS, *CLOCK_S, *ENDS)
STEPS = st.lists(st.tuples(st.sampled_from(["write", "rotate"]), st.sampled_from(THEN)), max_size=12)


@pytest.mark.parametrize("make_world", SYSTEMS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("commit", range(4))
async def test_a_commit_that_fails_is_put_again(make_world, fault, commit, faulty_checkpoint, hasty_clock):
    steps = [*[("write", "scraped")] * commit, ("rotate", fault), ("write", fault), ("write", "killed")]
    await live_through(make_world, steps, faulty_checkpoint, hasty_clock)


@pytest.mark.parametrize("make_world", SYSTEMS)
@settings(max_examples=30)
@given(steps=STEPS, first_commits=st.lists(st.lists(st.sampled_from(FAULTS[:3]), max_size=2), max_size=5))
def test_whatever_happens_the_counts_are_those_of_an_untouched_run(
    make_world, steps, first_commits, faulty_checkpoint, hasty_clock
):
    asyncio.run(live_through(make_world, steps, faulty_checkpoint, hasty_clock, first_commits))


@pytest.mark.parametrize("make_world", SYSTEMS)
@pytest.mark.parametrize("commit", range(2))
async def test_a_failed_commit_is_put_again_though_nothing_more_comes(
    make_world, commit, faulty_checkpoint, hasty_clock, tmp_path
):
    """And nobody asks: no scrape, no sender."""
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    async with life.running():
        for _ in range(commit):
            await life.world.write(life.system)
            await life.scrape()
        life.checkpoint.faults.extend(["full", "locked"])
        writes, writing = life.checkpoint.writes, asyncio.create_task(life.world.write(life.system))
        await until(life.checkpoint.problems.total)
        writing.cancel()
        await asyncio.wait([writing])
        await until(lambda: not life.checkpoint.faults and life.checkpoint.writes > writes)
        shown = life.world.counts(life.system)
        assert shown
        life.kill()
    async with life.running():
        counts = life.world.counts(life.system)
        assert {key: counts.get(key, 0) for key in shown} == shown
        await as_untouched(life, tmp_path / "other")


@pytest.mark.parametrize("make_world", SYSTEMS)
async def test_an_unexpected_error_leaves_nothing_half_counted(
    make_world, faulty_checkpoint, hasty_clock, monkeypatch, tmp_path
):
    """The source goes on from its last commit."""
    where, name = make_world.counting
    real, errors = getattr(where, name), []

    def half(self, *args):
        result = real(self, *args)
        if len(errors) in {1, 3}:
            errors.append(ZeroDivisionError())
            raise errors[-1]
        errors.append(None)
        return result

    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    async with life.running():
        with monkeypatch.context() as patch:
            patch.setattr(where, name, half)
            async with asyncio.timeout(60):
                while len(errors) < 5:  # what counts may begin late, and take several writes at once
                    await life.world.write(life.system)
                    await asyncio.sleep(0.02)
        await as_untouched(life, tmp_path / "other")
        assert life.system.failures == {"s": 2}
