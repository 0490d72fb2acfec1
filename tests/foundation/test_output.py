"""A result file is whole or not there, and devices stay what they are."""

import os
import threading

import pytest

from foundation.errors import StoreError
from foundation.output import replacing


def test_the_new_content_takes_the_place_of_the_old_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    with replacing(path) as out:
        out.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")

    def write_half():
        with replacing(path) as out:
            out.write(b"ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("report.json", b"old")]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with replacing(tmp_path / "link") as out:
        out.write(b"new")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "real").read_bytes()) == (True, b"new")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    with replacing(path) as out:
        out.write(b"new")
    reader.join()
    assert (got, path.is_fifo()) == ([b"new"], True)


def test_a_path_that_cannot_be_written_is_one_error(tmp_path):
    with pytest.raises(StoreError, match="No such file"), replacing(tmp_path / "nowhere" / "x"):
        pass
