"""How many files may be open: the share of the logs, over all that follow some, and what becomes of the others."""

import pytest
from rotated import Site

from exporter.sources import descriptors
from exporter.sources.descriptors import Descriptors, share_of_logs
from exporter.sources.tail import book


@pytest.mark.parametrize(
    ("may_be_open", "share"),
    [(20, 2), (64, 8), (128, 32), (256, 128), (1024, 512), (20_000, 10_000), (1 << 20, 1 << 19)],
)
def test_logs_get_half_of_the_descriptors_where_the_process_has_enough_for_itself(may_be_open, share):
    assert share_of_logs(may_be_open) == share


def test_the_limit_is_raised_as_far_as_it_may_be(monkeypatch):
    limits = [(1024, 4096)]
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda _, limit: limits.append(limit))
    descriptors.raise_limit()
    descriptors.raise_limit()
    assert limits == [(1024, 4096), (4096, 4096)]
    assert share_of_logs() == 2048


@pytest.fixture
def shared(monkeypatch):
    """Six files may be open in the whole process."""
    monkeypatch.setattr(book, "DESCRIPTORS", found := Descriptors(6))
    return found


@pytest.mark.parametrize("rotate", [False, True])
def test_all_that_follow_logs_share_them_and_read_everything(tmp_path, shared, rotate):
    sites = [Site(tmp_path / name) for name in "abc"]
    for site in sites:
        site.folder.mkdir()
        site.start("*.log")
    for turn in range(4):
        for site in sites:
            for number in range(5):
                log = site.path(f"{number}.log")
                if rotate and turn and (number + turn) % 3 == 0:
                    log.rename(f"{log}.{turn}")
                site.write(2, to=log)
        for site in sites:
            site.read()
        assert sum(site.tail.open_files for site in sites) <= 6
    for site in sites:
        site.check(rotations={"rename": 5} if rotate else {})
        site.stop()
    assert not shared.are_short
    assert shared.over == 0
