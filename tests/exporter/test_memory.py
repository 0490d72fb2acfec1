"""What limits leave of memory."""

import os
import resource

import pytest

from exporter import memory

MIB = 1 << 20


def group(folder, names, limit, used, **stat):
    """A control group's files. `names`: of its limit and its usage."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, used), strict=True):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text("anon 5\n" + "".join(f"{name} {value}\n" for name, value in stat.items()))


V2 = "memory.max", "memory.current"
V1 = "memory.limit_in_bytes", "memory.usage_in_bytes"


def left(tmp_path, text):
    (tmp_path / "cgroup").write_text(text)
    return memory.resident_bytes(tmp_path, tmp_path / "groups")


def test_pages_of_files_are_not_used_up(tmp_path):
    group(tmp_path / "groups/a/b", V2, 100 * MIB, 60 * MIB, active_file=10 * MIB, inactive_file=20 * MIB)
    assert left(tmp_path, "0::/a/b\n") == 70 * MIB


def test_the_least_of_the_group_and_those_above_it_counts(tmp_path):
    group(tmp_path / "groups/a/b", V2, "max", 60)
    group(tmp_path / "groups/a", V2, 90, 80)
    group(tmp_path / "groups", V2, 1000, 80)
    assert left(tmp_path, "0::/a/b\n") == 10


def test_in_a_container_the_topmost_folder_is_the_own_group(tmp_path):
    group(tmp_path / "groups", V2, 90, 50)
    assert left(tmp_path, "0::/docker/0cb2\n") == 40


def test_version_1_has_other_names(tmp_path):
    group(tmp_path / "groups/memory/a", V1, 90, 50, total_active_file=3, total_inactive_file=4, active_file=30)
    assert left(tmp_path, "8:pids:/x\n4:memory,hugetlb:/a\n0::/\n") == 47


@pytest.mark.parametrize(("names", "limit"), [(V2, "max"), (V1, (1 << 63) - 4096)])
def test_a_group_without_a_limit_leaves_what_there_is(tmp_path, names, limit):
    group(tmp_path / "groups/a", names, limit, 50)
    group(tmp_path / "groups/memory/a", names, limit, 50)
    assert left(tmp_path, "4:memory:/a\n0::/a\n") is None


@pytest.mark.parametrize("text", ["", "0::/a\n", "4:memory:/a\n", "nonsense\n"])
def test_what_is_not_there_is_no_limit(tmp_path, text):
    assert left(tmp_path, text) is None
    assert memory.resident_bytes(tmp_path / "absent", tmp_path) is None


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_what_is_left_of_addresses_shrinks_by_what_is_taken(kind):
    limits = resource.getrlimit(kind)
    resource.setrlimit(kind, (1 << 40, limits[1]))
    try:
        before = memory.left().address_bytes
        taken = bytearray(64 * MIB)
        after = memory.left().address_bytes
    finally:
        resource.setrlimit(kind, limits)
    assert 0 < after < before < 1 << 40
    assert before - after >= len(taken) - os.sysconf("SC_PAGE_SIZE")
