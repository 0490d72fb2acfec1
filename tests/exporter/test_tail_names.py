"""What is a rotated file, by its name."""

import pytest

from exporter.sources.tail.names import Bases, generation_order, is_rotation, same_series


@pytest.mark.parametrize(
    "name",
    [
        "access.log.1",
        "access.log.12.gz",
        "access.log-20260901",
        "access.log-20260901.zst",
        "access.log.2026-09-01T12:00:00Z",
        "access.log.1473400000",
        "access.log.old",
        "access.log.prev.xz",
        "access.log~",
        "access-2026-09-01.log",
        "access.1.log",
        "access_20260901-12.log.bz2",
    ],
)
def test_rotations_of_access_log(name):
    assert is_rotation(name, "access.log")


@pytest.mark.parametrize(
    "name",
    [
        "access.log",
        "access.log.gz",
        "access.log.lock",
        "access.log.offset",
        "access.logger",
        "access-error.log",
        "access2.log",
        "access-1.txt",
        "other.log.1",
        "access.log.1.tmp",
    ],
)
def test_neighbours_that_are_none(name):
    assert not is_rotation(name, "access.log")


def test_numbered_logs_are_no_rotations_of_each_other():
    assert not is_rotation("site-10.log", "site-1.log")
    assert not is_rotation("site.10", "site.1")


def test_a_log_without_ending_has_rotations_too():
    assert is_rotation("messages-20260901", "messages")
    assert is_rotation("messages.1", "messages")


@pytest.mark.parametrize(
    ("one", "other", "want"),
    [
        pytest.param("app-1.log", "app-22.log", True, id="counter"),
        pytest.param("app.2026-09-01.log.gz", "app.2026-09-02.log", True, id="date"),
        pytest.param("app-1.log", "app-1.log", False, id="itself"),
        pytest.param("app-1.log", "web-2.log", False, id="other-name"),
        pytest.param("app.log", "app.txt", False, id="no-number"),
    ],
)
def test_targets_of_a_switched_symlink(one, other, want):
    assert same_series(one, other) is want


def test_the_oldest_of_one_time_comes_first():
    assert sorted(["a.log.1", "a.log.3.gz", "a.log.2"], key=generation_order) == ["a.log.3.gz", "a.log.2", "a.log.1"]
    assert sorted(["a-20260902", "a-20260901"], key=generation_order) == ["a-20260901", "a-20260902"]


def test_the_base_of_a_path_is_found_in_its_own_directory():
    bases = Bases(["/var/log/a/access.log", "/var/log/b/access.log", "/var/log/a/error.log"])
    assert bases.of("/var/log/b/access.log.2.gz") == "/var/log/b/access.log"
    assert bases.of("/var/log/a/error-20260901.log") == "/var/log/a/error.log"
    assert bases.of("/var/log/c/access.log.1") is None
    assert bases.of("/var/log/a/access.log") is None
