"""What every system does with a state that another release wrote, or that cannot be read."""

import asyncio
import shutil
import sqlite3
from contextlib import closing

import pytest
from worlds import SYSTEMS, AccessLog, Hosting, Life, ReleasesIngest, ReleasesLog, as_untouched, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("restless")]

FIRST_LAYOUT = """
CREATE TABLE old (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID;
INSERT INTO old SELECT * FROM state;
DROP TABLE state;
DROP TABLE set_aside;
ALTER TABLE old RENAME TO state;
PRAGMA user_version = 0;
"""


async def stopped_after(life, writes):
    async with life.running():
        for _ in range(writes):
            await life.world.write(life.system)
            await asyncio.sleep(0.005)
        await life.scrape()


def alter(path, *script):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.executescript(*script) if len(script) == 1 else db.execute(*script).fetchall()


@pytest.mark.parametrize("make_world", SYSTEMS)
async def test_a_state_of_the_first_layout_is_read_on(make_world, faulty_checkpoint, hasty_clock, tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    alter(life.state, FIRST_LAYOUT)
    async with life.running():
        assert life.shown
        await life.world.write(life.system)
        await as_untouched(life, tmp_path / "other")
        assert life.checkpoint.problems == {}
    assert alter(life.state, "SELECT count(*) FROM set_aside", ()) == [(0,)]


@pytest.mark.parametrize("make_world", SYSTEMS)
async def test_values_of_another_release_are_set_aside_and_all_begins_anew(
    make_world, faulty_checkpoint, hasty_clock, tmp_path, caplog
):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    keys = {key for (key,) in alter(life.state, "SELECT key FROM state", ())}
    alter(life.state, "UPDATE state SET value = x'c1'", ())
    life.shown = {}
    life.world.lost()
    async with life.running():
        await life.world.write(life.system)
        await as_untouched(life, tmp_path / "other")
        assert life.checkpoint.problems == {"damaged": len(keys)}
    assert {key for (key,) in alter(life.state, "SELECT key FROM set_aside", ())} == keys
    assert f"{len(keys)} of the saved values cannot be read and are set aside" in caplog.text


@pytest.mark.parametrize("make_world", [AccessLog, Hosting, ReleasesLog])
@pytest.mark.parametrize("damage", ["UPDATE state SET value = x'c1'", "DELETE FROM state"])
async def test_without_their_position_counts_begin_anew_with_the_log(
    make_world, damage, faulty_checkpoint, hasty_clock, tmp_path
):
    """No line is counted twice, none is left out, and it is reported."""
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    alter(life.state, f"{damage} WHERE key = 'tail'", ())
    life.shown = {}
    async with life.running():
        await as_untouched(life, tmp_path / "other")
        assert life.checkpoint.problems["damaged"]


@pytest.mark.parametrize("make_world", [AccessLog, Hosting])
async def test_without_their_position_counts_of_a_log_followed_from_its_end_begin_anew(
    make_world, faulty_checkpoint, hasty_clock, tmp_path
):
    """As on a first run: what stands in the log is not read, and no total goes on as if it were whole."""
    (tmp_path / "one").mkdir()
    world = make_world(tmp_path / "one")
    world.from_ = "end"
    life = Life(world, faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    alter(life.state, "UPDATE state SET value = x'c1' WHERE key = 'tail'", ())
    life.shown = {}
    async with life.running():
        await life.scrape()
        assert world.counts(life.system) == {}
        await world.write(life.system)
        await until(lambda: sum(world.counts(life.system).values()))
        read = {labels: n for labels, n in world.counts(life.system).items() if labels[0].endswith("read_bytes_total")}
        assert list(read.values()) == [sum(len(world.line(number)) for number in range(13, 16))]


async def test_a_log_that_is_added_to_a_source_is_read_on_top_of_what_it_was_sent(
    faulty_checkpoint, hasty_clock, tmp_path
):
    world, log = ReleasesIngest(tmp_path), ReleasesLog(tmp_path)
    life = Life(world, faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    taken, log.number = life.shown["tidewatch_release_records_total", "s"], world.number
    for _ in range(2):
        await log.write(None)
    life.world = log
    async with life.running():
        await until(lambda: log.counts(life.system)["tidewatch_release_records_total", "s"] == taken + 5)
        assert life.checkpoint.problems == {}


@pytest.mark.parametrize("make_world", SYSTEMS)
@pytest.mark.parametrize("damage", [b"", b"\xc1", b"[]"])
async def test_any_one_value_that_cannot_be_read_is_told_and_the_source_goes_on(
    make_world, damage, faulty_checkpoint, hasty_clock, tmp_path
):
    life = Life(make_world(tmp_path), faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    shutil.copy(life.state, tmp_path / "whole.db")
    for (key,) in alter(life.state, "SELECT key FROM state", ()):
        for file in life.state.parent.iterdir():
            file.unlink()
        shutil.copy(tmp_path / "whole.db", life.state)
        alter(life.state, "UPDATE state SET value = ? WHERE key = ?", (damage, key))
        life.shown = {}
        life.world.lost()
        async with life.running():
            await life.world.write(life.system)
            await life.scrape()
            assert life.system.failures == {"s": 0}, key
            assert life.checkpoint.problems.keys() <= {"damaged"}
        aside = alter(life.state, "SELECT key FROM set_aside", ())
        assert (key,) in aside, key
