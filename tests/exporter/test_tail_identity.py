"""What tells a file from the next one under the same inode."""

import os
import time

import pytest

from exporter.sources.tail import identity


@pytest.fixture
def _no_generations(monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(identity.fcntl, "ioctl", refuse)


@pytest.mark.usefixtures("_no_generations")
def test_without_a_generation_number_the_time_of_birth_stands_for_it(tmp_path):
    before_ns = time.time_ns()
    with (tmp_path / "log").open("wb") as file:
        born = identity.generation(file.fileno())
        file.write(b"more")
        file.flush()
        os.utime(file.fileno(), (1, 1))
        assert identity.generation(file.fileno()) == born, "writing changes nothing"
    if not born:
        pytest.skip("this file system does not keep the time of birth")
    assert abs(born - before_ns) < 60_000_000_000


@pytest.mark.usefixtures("_no_generations")
def test_a_descriptor_without_either_has_generation_0(monkeypatch):
    monkeypatch.setattr(identity, "_libc", object())
    read, write = os.pipe()
    assert identity.generation(read) == 0
    os.close(read)
    os.close(write)
