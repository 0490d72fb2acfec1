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


def test_a_link_planted_at_the_temporary_name_is_neither_followed_nor_replaced(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "report.json"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda _: "known")
    (tmp_path / ".tidewatch-known.tmp").symlink_to(victim)
    with pytest.raises(StoreError, match="File exists"), replacing(path) as out:
        out.write(b"owned")
    assert (victim.read_bytes(), path.exists()) == (b"precious", False)
    assert (tmp_path / ".tidewatch-known.tmp").is_symlink()


def test_two_writers_of_one_path_use_different_temporary_names(tmp_path):
    with replacing(tmp_path / "a"), replacing(tmp_path / "a"):
        names = {entry.name for entry in tmp_path.iterdir()}
    assert len(names) == 2
    assert not any(str(os.getpid()) in name for name in names)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_new_file_has_the_permissions_of_the_old_one(tmp_path, mode):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    path.chmod(mode)
    with replacing(path) as out:
        out.write(b"new")
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe"])
def test_what_stands_at_a_name_of_the_programs_own_is_replaced_and_not_written_through(tmp_path, kind):
    path, victim = tmp_path / "truth.json", tmp_path / "victim"
    victim.write_bytes(b"precious")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(victim if kind == "link" else "absent")
    old = os.umask(0o027)
    try:
        with replacing(path, own_name=True) as out:
            out.write(b"new")
    finally:
        os.umask(old)
    assert (path.is_symlink(), path.read_bytes(), path.stat().st_mode & 0o777) == (False, b"new", 0o640)
    assert (victim.read_bytes(), len(list(tmp_path.iterdir()))) == (b"precious", 2)


def test_a_file_that_must_be_new_is_never_written_over(tmp_path):
    path = tmp_path / "result"
    with replacing(path, may_exist=False) as stream:
        stream.write(b"first")
    with pytest.raises(StoreError, match="File exists"), replacing(path, may_exist=False) as stream:
        stream.write(b"second")
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (b"first", ["result"])
