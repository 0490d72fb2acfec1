"""Many files: what is done for each look and each scan is in proportion to what changes."""

import os

import msgspec
import pytest
from rotated import LIMITS

from exporter.sources.tail.directories import Directories

FILES = 300


@pytest.fixture
def many(site):
    """A reader of 300 files, all read, whose clock is turned by hand."""
    for number in range(FILES):
        site.write(1, to=site.path(f"{number}.log"))
    site.start("*.log")
    site.check(rotations={})
    return site


@pytest.fixture
def listed(monkeypatch):
    """The directories that were listed."""
    found, scandir = [], os.scandir

    def noted(path):
        found.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    return found


def look(site, after_s, wall_s):
    site.now_s += after_s
    while (batch := site.tail.step(site.now_s, wall_s)) is not None:
        site.got += batch.data


def settle(site, wall_s):
    """The last change of the directory is long ago at the next scan."""
    site.now_s += 10
    look(site, 0, wall_s)


def later(site):
    """A Unix time at which no change of the directory is recent."""
    return site.folder.stat().st_mtime + 3600


def test_directories_that_do_not_change_are_listed_in_proportion_to_the_files(many, listed):
    wall_s = later(many)
    settle(many, wall_s)
    listed.clear()
    for _ in range(14):
        look(many, 0.1, wall_s)
    assert listed == []
    look(many, 0.2, wall_s)
    assert set(listed) == {str(many.folder)}


def test_lines_are_read_at_every_look_without_listing(many, listed):
    wall_s = later(many)
    settle(many, wall_s)
    listed.clear()
    many.write(2, to=many.path("7.log"))
    many.write(2, to=many.path("290.log"))
    look(many, 0.1, wall_s)
    assert sorted(many.got.splitlines()) == sorted(many.wrote.splitlines())
    assert listed == []


def test_a_new_file_is_found_as_soon_as_listing_is_due(many, listed):
    wall_s = later(many)
    settle(many, wall_s)
    listed.clear()
    many.write(1, to=many.path("new.log"))
    look(many, 0.9, wall_s)
    assert listed == []
    look(many, 0.1, wall_s)
    assert sorted(many.got.splitlines()) == sorted(many.wrote.splitlines())


def test_a_rotation_is_seen_after_a_millisecond_for_each_file_above_a_hundred(many):
    wall_s = later(many)
    settle(many, wall_s)
    many.path("7.log").rename(many.path("7.log.1"))
    many.write(2, to=many.path("7.log"))
    look(many, 0.19, wall_s)
    assert many.totals.rotations == {}
    look(many, 0.02, wall_s)
    assert many.totals.rotations == {"rename": 1}
    many.check(rotations={"rename": 1})


def test_files_beyond_the_descriptors_are_read_at_the_same_look(site):
    logs = [site.path(f"{number}.log") for number in range(40)]
    for log in logs:
        site.write(1, to=log)
    site.start("*.log", limits=msgspec.structs.replace(LIMITS, open_files=5))
    for _ in range(3):
        for log in logs:
            site.write(2, to=log)
        look(site, 0.1, 0.0)
        assert sorted(site.got.splitlines()) == sorted(site.wrote.splitlines())
        assert (site.tail.open_files, site.tail.lag_bytes) == (5, 0)
    with logs[30].open("ab") as file:
        file.write(b"unfinished")
    look(site, 0.1, 0.0)
    assert site.tail.lag_bytes == len("unfinished")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "logs").mkdir()
    os.utime(tmp_path / "logs", (1000, 1000))
    return tmp_path / "logs"


@pytest.mark.parametrize("change", ["none", "new", "removed", "another"])
def test_a_directory_has_changed_if_its_time_has(folder, change):
    directories = Directories()
    for _ in range(2):
        directories.begin(2000.0)
        directories.end([str(folder)])
    assert directories.since() == set()
    if change == "new":
        (folder / "x").touch()
    if change in ("removed", "another"):
        folder.rename(folder.with_name("away"))
    if change == "another":
        folder.mkdir()
        os.utime(folder, (1000, 1000))
    assert directories.since() == (set() if change == "none" else {str(folder)})


def test_a_directory_that_has_changed_lately_may_have_changed_again(folder):
    """Its time counts in ticks: a second change within one does not show."""
    directories = Directories()
    for wall_s, want in ((1001.9, {str(folder)}), (1002.1, set())):
        for _ in range(2):
            directories.begin(wall_s)
            directories.end([str(folder)])
        assert directories.since() == want


def test_a_directory_that_is_not_there_has_changed_once_it_is(tmp_path):
    directories = Directories()
    for _ in range(2):
        directories.begin(2000.0)
        directories.end([str(tmp_path / "logs")])
    assert directories.since() == set()
    (tmp_path / "logs").mkdir()
    assert directories.since() == {str(tmp_path / "logs")}
