"""Every way in which a writer rotates: no line lost, none twice, and what is gone is told to the byte."""

import os
import shutil
import time

import pytest
from rotated import LIMITS, PACKERS, compress


@pytest.mark.parametrize("pattern", ["access.log", "access.log*", "*.log"])
def test_rename_and_create(site, rotate, pattern):
    def change():
        site.log.rename(site.path("access.log.1"))
        site.write()

    rotate(change, pattern)
    site.check(rotations={"rename": 1})


def test_rename_with_a_gap_before_the_new_file(site):
    site.write()
    site.start()
    site.write()
    site.log.rename(site.path("access.log.1"))
    site.read()
    assert not site.tail.readable
    site.write(to=site.path("access.log.1"))
    site.read()
    site.write()
    site.check(rotations={"rename": 1})
    assert site.tail.readable


def test_copytruncate(site, rotate):
    def change():
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        site.write(2)

    rotate(change)
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_seen_by_a_pattern_that_matches_the_copy_in_the_making(site):
    site.write(9)
    site.start("access.log*")
    content = site.log.read_bytes()
    site.path("access.log.1").write_bytes(content[:100])
    site.read()
    site.path("access.log.1").write_bytes(content)
    site.read()
    os.truncate(site.log, 0)
    site.write(3)
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_to_a_larger_file_is_seen_by_its_head(site, rotate):
    def change():
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        site.write(200)

    rotate(change)
    site.check(rotations={"copytruncate": 1})


@pytest.mark.parametrize("ending", PACKERS)
def test_copytruncate_whose_copy_was_compressed_meanwhile(site, rotate, ending):
    def change():
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        site.write(4)
        compress(site.path("access.log.1"), ending)

    rotate(change)
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_in_the_middle_of_a_line_joins_its_halves(site, rotate):
    def change():
        with site.log.open("ab") as file:
            file.write(b"192.0.2.7\tGET /ha")
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        with site.log.open("ab") as file:
            file.write(b"lf\t200\t1\n")
        site.wrote += b"192.0.2.7\tGET /half\t200\t1\n"

    rotate(change)
    site.check(rotations={"copytruncate": 1})


def test_half_a_line_from_a_copy_is_kept_over_a_restart(site):
    site.write()
    site.start()
    with site.log.open("ab") as file:
        file.write(b"192.0.2.7\tGET /ha")
    shutil.copyfile(site.log, site.path("access.log.1"))
    os.truncate(site.log, 0)
    site.read()
    site.restart()
    with site.log.open("ab") as file:
        file.write(b"lf\t200\t1\n")
    site.wrote += b"192.0.2.7\tGET /half\t200\t1\n"
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_by_a_writer_that_does_not_append_leaves_a_hole(site):
    with site.log.open("wb", buffering=0) as writer:
        writer.write(b"x" * 150 + b"\n")
        for _ in range(100):
            writer.write(b"y" * 100 + b"\n")
        site.start()
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        writer.write(b"after the hole\n")
    site.got = b""
    site.read()
    assert site.got.lstrip(b"\0") == b"after the hole\n"
    assert site.totals.too_long_lines == 0


def test_delete_and_create(site):
    site.write()
    site.start()
    with site.log.open("ab", buffering=0) as writer:
        site.log.unlink()
        data = site.lines(3)
        writer.write(data)
        site.wrote += data
        site.write()
        site.check(rotations={"recreate": 1})
        data = site.lines(3)
        writer.write(data)
        site.wrote += data
    site.check(rotations={"recreate": 1})


def test_delete_and_create_while_stopped_tells_what_was_seen_and_is_gone(site):
    site.write()
    with site.log.open("ab") as file:
        file.write(b"seen, unfinished")
    site.start()
    site.stop()
    site.log.unlink()
    site.write()
    site.start()
    site.check(rotations={"gone": 1}, lost=len(b"seen, unfinished"))


@pytest.mark.parametrize("down", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("lines_after", [0, 3, 10, 50], ids=["empty", "smaller", "same-size", "larger"])
def test_truncate_in_place(site, lines_after, down):
    site.number = 1_000  # lines of one length from here on
    site.write(10)
    site.start()
    with site.log.open("ab") as file:
        file.write(b"seen, unfinished")
    site.read()
    if down:
        site.stop()
    os.truncate(site.log, 0)
    site.write(lines_after)
    if down:
        site.start()
    site.check(rotations={"truncate": 1}, lost=len(b"seen, unfinished"))


def test_a_symlink_that_is_switched(site, rotate):
    site.log.symlink_to("app-1.log")

    def change():
        site.path("new").symlink_to("app-2.log")
        site.write(to=site.path("app-2.log"))
        site.path("new").rename(site.log)
        site.write(to=site.path("app-1.log"))

    rotate(change)
    site.check(rotations={"symlink": 1})


def test_a_symlink_that_is_switched_twice_while_stopped(site):
    site.log.symlink_to("app-7.log")
    site.write()
    site.start()
    site.stop()
    for number in (8, 9):
        site.log.unlink()
        site.log.symlink_to(f"app-{number}.log")
        site.write()
    site.start()
    site.read()
    site.check(rotations={"symlink": 1})


def test_a_writer_that_goes_on_in_the_renamed_file_for_longer_than_the_grace_time(site):
    site.write()
    site.start()
    site.log.rename(site.path("access.log.1"))
    site.write()
    site.read()
    site.now_s += LIMITS.grace_s
    site.read()
    assert site.tail.open_files == 1
    site.write(to=site.path("access.log.1"))
    site.check(rotations={"rename": 1})
    site.now_s += LIMITS.grace_s
    site.read()
    site.path("access.log.1").rename(site.path("access.log.2"))
    site.read()
    site.write(to=site.path("access.log.2"))
    site.check(rotations={"rename": 1})


def test_a_piece_of_a_line_is_no_proof_that_a_file_was_read_before(site):
    site.log.write_bytes(b"ab")
    site.start()
    site.read()
    site.log.rename(site.log.with_name("access.log.3"))
    site.log.write_bytes(b"")
    site.read()
    site.now_s += 2 * LIMITS.grace_s
    site.read()
    site.stop()
    site.log.rename(site.log.with_name("access.log.2"))
    site.log.with_name("access.log.1").write_bytes(b"ab")
    site.log.write_bytes(b"new\n")
    site.start()
    site.read()
    site.now_s += 2 * LIMITS.grace_s
    site.read()
    assert sorted(site.got.split()) == [b"ab", b"ab", b"new"]


def test_half_a_line_goes_on_in_nothing_that_came_after_its_copy_was_found(site):
    def copytruncate(name, then):
        shutil.copyfile(site.log, site.path(name))
        site.log.write_bytes(then)

    site.log.write_bytes(b"")
    site.start()
    site.log.write_bytes(b"ha")
    site.stop()
    copytruncate("access.log.2", b"")
    site.begin()
    site.log.write_bytes(b"lf\n")
    copytruncate("access.log.1", b"whole\n")
    site.read()
    site.read()
    assert sorted(site.got.split()) == [b"ha", b"lf", b"whole"]


def rename(site):
    """As logrotate does it, with a new file at the log's place."""
    generations = sorted(site.folder.glob("access.log.*"), key=lambda path: int(path.suffix[1:]), reverse=True)
    for path in generations:
        path.rename(path.with_suffix(f".{int(path.suffix[1:]) + 1}"))
    site.log.rename(site.path("access.log.1"))
    site.log.touch()


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("unseen", [1, 2, 3])
def test_lines_come_in_their_order_though_files_rotate_on_before_they_are_read(site, unseen, restart):
    """Files that come and go unseen are found with the one that stands there now; that rotates too, unread."""
    site.write()
    site.start()
    for _ in range(unseen + 1):
        rename(site)
        site.write()
    site.tail.begin(site.now_s + 2, time.time())
    rename(site)
    site.write()
    if restart:
        site.stop()
        site.begin()
    site.read()
    assert site.got == site.wrote
