"""What every system does with a state that another release wrote, or that cannot be read."""

import asyncio
import shutil
import sqlite3
from contextlib import closing

import pytest
from worlds import SYSTEMS, AccessLog, Life, ReleasesLog, as_untouched

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
    assert f"{len(keys)} of the values kept cannot be read and are set aside" in caplog.text


@pytest.mark.parametrize("make_world", [AccessLog, ReleasesLog])
async def test_without_their_position_counts_begin_anew_with_the_log(
    make_world, faulty_checkpoint, hasty_clock, tmp_path
):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    life = Life(make_world(tmp_path / "one"), faulty_checkpoint, hasty_clock)
    await stopped_after(life, 4)
    alter(life.state, "UPDATE state SET value = x'c1' WHERE key = 'tail'", ())
    life.shown = {}
    async with life.running():
        await as_untouched(life, tmp_path / "other")


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
