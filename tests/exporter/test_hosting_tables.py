"""The events of a web host, however they lie in a file."""

import gzip
import json
import os
from threading import Thread

import pytest
from hosting_tables import read_tables

from exporter.tables import write_parquet
from foundation.errors import SourceError

NAMES = ("event", "time", "serverId", "accountId", "accountName", "workload")
ROWS = [
    ("createAccount", "2024-03-01T00:00:00Z", None, 1, 'Ann; "B, C"', None),
    ("route", "2024-03-01 00:00:05", 3, 1, None, None),
    ("heartbeat", "1709251200", 3, None, None, 0.5),
    ("deleteAccount", "2024-03-01 01:00:00", None, 1, None, None),
]


def quoted(cell):
    return "" if cell is None else '"' + str(cell).replace('"', '""') + '"'


def delimited(separator, names=NAMES, newline="\n"):
    places = [NAMES.index(name) for name in sorted(NAMES)]
    lines = [separator.join(["more", *(names[place] for place in places)])]
    lines += [separator.join(["x", *(quoted(row[place]) for place in places)]) for row in ROWS]
    return (newline.join(lines) + newline).encode()


def objects():
    return [{key: cell for key, cell in zip(NAMES, row, strict=True) if cell is not None} for row in ROWS]


SNAKE = ("event", "time", "server_id", "account_id", "account_name", "workload")
FILES = {
    "lines": "\n".join(map(json.dumps, objects())).encode(),
    "array": json.dumps(objects(), indent=1).encode(),
    "comma": delimited(","),
    "semicolon-crlf": delimited(";", newline="\r\n"),
    "tab-snake-case": delimited("\t", SNAKE),
    "bar-bom": b"\xef\xbb\xbf" + delimited("|"),
    "utf-16": delimited(",").decode().encode("utf-16"),
    "gzip": gzip.compress(delimited(",")),
}


def tables_of(path):
    kept = []
    tables, _ = read_tables(path, keep=kept.append)
    assert kept == []
    return tables


@pytest.fixture
def want(tmp_path):
    (tmp_path / "want.json").write_bytes(FILES["lines"])
    return tables_of(tmp_path / "want.json")


@pytest.mark.parametrize("form", FILES)
def test_every_form_of_file_holds_the_same_events(tmp_path, want, form):
    (tmp_path / "events").write_bytes(FILES[form])
    assert tables_of(tmp_path / "events") == want


def test_parquet_holds_the_same_events(tmp_path, want):
    kinds = dict(zip(NAMES, ("text", "text", "integer", "integer", "text", "number"), strict=True))
    write_parquet(tmp_path / "events", kinds, ROWS)
    assert tables_of(tmp_path / "events") == want


@pytest.fixture
def once(tmp_path):
    """Makes a file that can be read only once: a named pipe, and who writes into it."""
    writers = []

    def make(content):
        path = tmp_path / f"pipe-{len(writers)}"
        os.mkfifo(path)
        writers.append(Thread(target=path.write_bytes, args=(content,), daemon=True))
        writers[-1].start()
        return path

    yield make
    for writer in writers:
        writer.join()


@pytest.mark.parametrize("form", FILES)
def test_what_can_be_read_only_once_needs_no_temporary_file(tmp_path, want, once, monkeypatch, form):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    assert tables_of(once(FILES[form])) == want


def test_what_is_wrong_with_a_pipe_begins_with_its_name(once):
    pipe = once(b"event,time,account,account_id\n")
    with pytest.raises(SourceError, match=f"^{pipe}: "):
        read_tables(pipe)


def test_rows_that_cannot_be_read_are_set_aside_with_their_line(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(
        "time,event,serverId,workload\nx,heartbeat,1,0.5\n2024-03-01T00:00:00Z,heartbeat,1,nan\n"
        "2024-03-01T00:00:00Z,heartbeat,,0.5\n2024-03-01T00:00:00Z,heartbeat,1,0.5\n"
    )
    kept = []
    _, log = read_tables(path, keep=kept.append)
    assert [(k.line, k.reason) for k in kept] == [(2, "bad_time"), (3, "bad_workload"), (4, "missing_key")]
    assert (log.lines, log.events) == (4, 1)
