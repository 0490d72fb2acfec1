"""Paths that are to be followed: what they name, and what is wrong with them."""

import pytest

from exporter.sources.tail.paths import files_of, path_troubles


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("a.log", ["a.log"]),
        ("*.log", ["a.log"]),
        ("./*.log", ["./a.log"]),
        ("d/*.log", ["d/b.log"]),
        ("*/b.log", ["d/b.log"]),
        ("*/*.log", ["d/b.log"]),
        ("[a]*", ["a.log"]),
    ],
)
def test_a_relative_pattern_begins_in_the_working_directory(pattern, files, tmp_path, monkeypatch):
    """As it is followed."""
    (tmp_path / "d").mkdir()
    for name in ("a.log", "d/b.log"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert list(files_of([pattern])) == files
    assert list(path_troubles([pattern])) == []


def test_a_relative_pattern_without_a_file_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(path_troubles(["*.log", "x.log"])) == ["*.log: matches no file", "x.log: No such file or directory"]
