"""What an appended path may mean at the start, and what it never means later."""

import os

import pytest

from foundation.append import AppendedPath


def write(place, data):
    with os.fdopen(place.open(), "ab") as file:
        file.write(data)


PLANTED = {
    "link": lambda path, victim: path.symlink_to(victim),
    "dangling link": lambda path, victim: path.symlink_to(victim.with_name("absent")),
    "link to a device": lambda path, _: path.symlink_to("/dev/null"),
    "pipe": lambda path, _: os.mkfifo(path),
    "directory": lambda path, _: path.mkdir(),
}


@pytest.mark.parametrize("trusted", [True, False], ids=["after the start", "a name of the program's own"])
@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_others_put_in_its_place_is_refused_without_waiting(tmp_path, plant, trusted):
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_bytes(b"precious")
    place = AppendedPath(path, trusted=trusted)
    if trusted:
        write(place, b"one")
        path.unlink()
    plant(path, victim)
    with pytest.raises(OSError, match=r"expected a regular file|Is a directory"):
        place.open()
    assert (victim.read_bytes(), sorted(entry.name for entry in tmp_path.iterdir())) == (
        b"precious",
        ["file", "victim"],
    )


def test_a_rotated_file_is_made_anew(tmp_path):
    place = AppendedPath(tmp_path / "file")
    write(place, b"one")
    place.path.rename(tmp_path / "old")
    write(place, b"two")
    assert place.path.read_bytes() == b"two"


def test_the_pipe_of_the_start_is_opened_again_by_its_name_and_by_a_link(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        place = AppendedPath(tmp_path / name)
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        write(place, b"one")
        write(place, b"two")
        assert os.read(reader, 100) == b"onetwo"
        os.close(reader)
        assert place.path.name == name


def test_another_pipe_is_not_the_pipe_of_the_start(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    place = AppendedPath(path)
    write(place, b"")
    path.rename(tmp_path / "old")  # keeps its inode
    os.mkfifo(path)
    with pytest.raises(OSError, match="expected a regular file"):
        place.open()


def test_a_link_to_a_file_may_lead_nowhere_else_later(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("real")
    place = AppendedPath(link)
    write(place, b"one")
    link.unlink()
    link.symlink_to("elsewhere")
    write(place, b"two")
    assert (place.path, place.path.read_bytes()) == (tmp_path / "real", b"onetwo")
