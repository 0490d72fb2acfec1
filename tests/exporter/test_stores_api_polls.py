"""Polls that are posted: every form of a body, and bodies that are too much."""

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from stores_service import HEADER, POLLS, ask

from exporter.stores import api as api_module
from exporter.stores import jobs as jobs_module

TYPED = [("a", True, "2023-01-25T10:00:00Z"), ("b", False, 1674642600)]
JSON = {"Content-Type": "application/json"}


def as_parquet():
    rows = "('a', true, TIMESTAMP '2023-01-25 10:00'), ('b', false, TIMESTAMP '2023-01-25 10:30')"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "polls.parquet"
        duckdb.sql(f"SELECT * FROM (VALUES {rows}) t(store_id, status, timestamp_utc)").write_parquet(str(path))
        return path.read_bytes()


@pytest.mark.slow
async def test_what_is_too_much_is_refused_with_when_to_come_again(serving, stores_world, monkeypatch):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    monkeypatch.setattr(api_module, "MAX_POLLS_BYTES", 100)
    monkeypatch.setattr(api_module, "MAX_JSON_BYTES", 10)
    for body, kind in ((b"x" * 101, "text/csv"), (b"[" * 11, "application/json")):
        status, answer = await ask(session, "POST", "/polls", data=body, headers={"Content-Type": kind})
        assert (status, list(answer)) == (413, ["status"])
    monkeypatch.setattr(jobs_module, "MAX_WAITING", 0)
    async with session.post("/trigger_report") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "10")
        assert await response.json() == {"status": "0 reports are already waiting"}


async def test_a_disk_that_is_full_is_told_with_when_to_come_again(serving, monkeypatch, caplog):
    _, session = await serving(run=False)
    monkeypatch.setattr(api_module, "new_upload", lambda _: open("/dev/full", "wb"))  # noqa: PTH123, SIM115
    async with session.post("/polls", data=(HEADER + POLLS).encode()) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
        assert (await response.json())["reason"].endswith(": No space left on device")
    assert caplog.records == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ((HEADER + POLLS).encode(), {"Content-Type": "text/csv"}),
        (gzip.compress((HEADER + POLLS).encode()), {"Content-Type": "text/csv", "Content-Encoding": "gzip"}),
        (
            json.dumps(
                [dict(zip(HEADER.strip().split(","), line.split(","), strict=True)) for line in POLLS.splitlines()]
            ).encode(),
            JSON,
        ),
        (json.dumps([{"store_id": s, "status": up, "timestamp_utc": t} for s, up, t in TYPED]).encode(), JSON),
        (
            "\n".join(json.dumps({"store_id": s, "status": up, "timestamp_utc": t}) for s, up, t in TYPED).encode(),
            {"Content-Type": "application/x-ndjson"},
        ),
        (as_parquet(), {"Content-Type": "application/vnd.apache.parquet"}),
    ],
    ids=["csv", "gzip", "json", "json-booleans", "ndjson-booleans", "parquet-booleans"],
)
async def test_posted_polls_are_in_the_database_when_the_answer_comes(serving, stores_world, body, headers):
    _, session = await serving(run=False)
    for new, duplicate in ((2, 0), (0, 2)):
        status, answer = await ask(session, "POST", "/polls", data=body, headers=headers)
        assert status == 200
        assert answer == {
            "status": "success", "rows": 2, "new": new, "late": 0, "duplicate": duplicate, "conflict": 0, "invalid": 0,
        }  # fmt: skip
    with stores_world.database.reading() as cursor:
        found = cursor.execute("SELECT store_id, up FROM polls JOIN stores USING (store) ORDER BY 1").fetchall()
    assert found == [("a", 1), ("b", 0)]
    assert not list(stores_world.folder.glob(".polls-*"))
