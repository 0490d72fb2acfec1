import os

import pytest

from foundation.regular import read_start, read_whole


def test_a_file_at_its_limit_is_read_and_one_byte_more_is_refused(tmp_path):
    path = tmp_path / "body"
    path.write_bytes(b"x" * (1 << 20))
    assert read_whole(path, 1 << 20) == path.read_bytes()
    with path.open("ab") as more:
        more.write(b"y")
    with pytest.raises(ValueError, match=r"/body: larger than 1 MiB$"):
        read_whole(path, 1 << 20)


def test_what_may_never_end_is_refused_at_once(tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (str(pipe), "/dev/zero"):
        with pytest.raises(ValueError, match=f"^{path}: expected a regular file"):
            read_whole(path, 1 << 20)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"/none: No such file or directory$"):
        read_whole(tmp_path / "none", 1 << 20)


def test_a_program_that_starts_may_take_a_device_but_no_more_than_its_limit():
    assert read_start("/dev/zero", 3, pipes=True) == bytes(3)
