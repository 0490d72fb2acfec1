"""The report API over real sockets on loopback."""

import asyncio
import gzip
import json
import threading
import uuid
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from aiohttp import ClientSession

from exporter.stores import api as api_module
from exporter.stores import inbox as inboxes
from exporter.stores import jobs as jobs_module
from exporter.stores import report as report_module
from exporter.stores.api import api_guard, build_api
from exporter.stores.calendar import to_us
from exporter.stores.jobs import Asked
from exporter.stores.live import Live, Settings
from exporter.stores.openapi import DOCUMENT
from exporter.web.exposition import Renderer
from foundation.clock import SystemClock
from foundation.errors import StoreError
from foundation.listen import serve
from foundation.web import WebPolicy

HEADER = "store_id,status,timestamp_utc\n"
POLLS = "a,active,2023-01-25 10:00:00 UTC\nb,inactive,2023-01-25 10:30:00 UTC\n"
TYPED = [("a", True, "2023-01-25T10:00:00Z"), ("b", False, 1674642600)]
JSON = {"Content-Type": "application/json"}


def as_parquet():
    rows = "('a', true, TIMESTAMP '2023-01-25 10:00'), ('b', false, TIMESTAMP '2023-01-25 10:30')"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "polls.parquet"
        duckdb.sql(f"SELECT * FROM (VALUES {rows}) t(store_id, status, timestamp_utc)").write_parquet(str(path))
        return path.read_bytes()


@pytest.fixture
async def serving(stores_world):
    """Start a service on a free port; call again for a restart on the same database."""
    stack = AsyncExitStack()
    task = None

    async def stop():
        nonlocal task
        await stack.aclose()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            task = None

    async def begin(*, run=True, **settings):
        nonlocal task
        await stop()
        live = Live(stores_world.database, Settings(**settings), SystemClock())
        app, guard = build_api(live), api_guard(WebPolicy(), "127.0.0.1")
        guard.protect(app)
        _, port = await serve(app, ("127.0.0.1", 0), stack, problem=guard.problem)
        if run:
            task = asyncio.create_task(live.run())
        session = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
        return live, session

    yield begin
    await stop()


async def ask(session, method, path, **more):
    async with session.request(method, path, **more) as response:
        return response.status, await response.json()


async def finished(session, report_id):
    while True:
        status, answer = await ask(session, "GET", f"/get_report/{report_id}")
        if status != 202:
            return status, answer
        assert answer == {"status": "Running"}


@pytest.mark.slow
async def test_a_report_is_asked_for_waited_for_and_fetched_in_every_way(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving()
    status, answer = await ask(session, "GET", "/trigger_report")
    assert (status, answer["status"]) == (200, "success")
    report_id = answer["report_id"]
    status, answer = await finished(session, report_id)
    assert (status, answer["status"]) == (200, "Complete")
    assert answer["data"].splitlines()[0].startswith("store_id,uptime_last_hour(in minutes),")
    assert [line.split(",")[0] for line in answer["data"].splitlines()[1:]] == ["a", "b"]
    ways = [
        ("GET", "/get_report", {"params": {"report_id": report_id}}),
        ("GET", "/get_report", {"json": {"report_id": report_id}}),
        ("POST", "/get_report", {"json": {"report_id": report_id}}),
        ("POST", f"/get_report/{report_id}", {}),
    ]
    assert [await ask(session, *way[:2], **way[2]) for way in ways] == [(200, answer)] * 4
    for asking in ({"headers": {"Accept": "text/csv"}}, {"params": {"format": "csv"}}):
        async with session.get(f"/get_report/{report_id}", **asking) as response:
            assert (response.content_type, await response.text()) == ("text/csv", answer["data"])


async def test_what_cannot_be_answered_is_said_in_its_own_status(serving):
    _, session = await serving(run=False)
    unknown = str(uuid.uuid4())
    assert await ask(session, "GET", f"/get_report/{unknown}") == (404, {"status": "No such report Id!"})
    wrong = [
        ("GET", "/get_report", {}),
        ("GET", "/get_report/x", {}),
        ("GET", "/get_report", {"params": {"report_id": "1" * 36}}),
        ("POST", "/get_report", {"data": b"{"}),
        ("POST", "/get_report", {"data": b"\xff"}),
        ("POST", "/get_report", {"data": b'{"report_id":' * 4000}),
        ("POST", "/polls", {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}),
        ("POST", "/get_report", {"json": [unknown]}),
        ("POST", "/get_report", {"json": {"report_id": 5}}),
        ("POST", "/polls", {"data": b"a,b\n1,2\n"}),
        ("POST", "/polls", {"json": {"store_id": "a"}}),
        ("POST", "/polls", {"data": b"no gzip", "headers": {"Content-Encoding": "gzip"}}),
    ]
    for method, path, more in wrong:
        status, answer = await ask(session, method, path, **more)
        assert (status, list(answer)) == (400, ["status"]), (method, path, more)
    assert (await ask(session, "GET", "/nothing"))[0] == 404
    assert (await ask(session, "DELETE", "/trigger_report"))[0] == 405
    assert (await ask(session, "GET", "/stores/nobody"))[0] == 404


@pytest.mark.parametrize(
    "request_line",
    [b"GET /" + b"x" * 9000 + b" HTTP/1.1", b"GET / HTTP/1.1\r\nX-Nul: \x00", b"\x16\x03\x01 this is TLS"],
    ids=["long-url", "nul", "tls"],
)
async def test_what_is_no_request_gets_json_and_one_line_in_the_log(serving, caplog, request_line):
    _, session = await serving(run=False)
    reader, writer = await asyncio.open_connection("127.0.0.1", session._base_url.port)
    writer.write(request_line + b"\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.split(maxsplit=2)[1] == b"400"
    assert b"Content-Type: application/json" in head
    assert list(json.loads(body)) == ["status"]
    assert [(found.levelname, found.exc_info) for found in caplog.records] == [("WARNING", None)]


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
        assert await response.json() == {"status": "0 reports wait already"}


async def test_a_disk_that_is_full_is_told_with_when_to_come_again(serving, monkeypatch, caplog):
    _, session = await serving(run=False)
    monkeypatch.setattr(api_module, "new_upload", lambda _: open("/dev/full", "wb"))  # noqa: PTH123, SIM115
    async with session.post("/polls", data=(HEADER + POLLS).encode()) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
        assert (await response.json())["reason"].endswith(": No space left on device")
    assert caplog.records == []


async def test_a_format_that_is_none_is_refused_before_the_report_is_ready(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    _, answer = await ask(session, "GET", "/trigger_report")
    status, told = await ask(session, "GET", f"/get_report/{answer['report_id']}?format=xlsx")
    assert (status, told) == (400, {"status": "format is csv or json"})


@pytest.mark.slow
async def test_a_job_is_on_disk_before_its_id_is_told_and_equal_requests_share_it(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    ids = {(await ask(session, "POST", "/trigger_report"))[1]["report_id"] for _ in range(3)}
    assert len(ids) == 1
    with stores_world.database.reading() as cursor:
        assert cursor.execute("SELECT report_id, status FROM reports").fetchall() == [(*ids, "running")]
    stores_world.load(status=["c,active,2023-01-25 11:00:00 UTC"])
    _, answer = await ask(session, "POST", "/trigger_report")
    assert answer["report_id"] not in ids
    assert (await ask(session, "GET", f"/get_report/{answer['report_id']}"))[0] == 202


@pytest.mark.slow
async def test_jobs_survive_a_restart_and_reports_stay_as_they_were(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    _, answer = await ask(session, "GET", "/trigger_report")
    first = answer["report_id"]
    _, session = await serving()
    _, before = await finished(session, first)
    stores_world.load(status=["a,inactive,2023-01-25 09:00:00 UTC"])  # late
    _, session = await serving()
    assert await finished(session, first) == (200, before)
    _, answer = await ask(session, "GET", "/trigger_report")
    _, after = await finished(session, answer["report_id"])
    assert after["data"] != before["data"]


@pytest.mark.slow
async def test_a_report_that_three_processes_died_of_has_failed(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    _, answer = await ask(session, "GET", "/trigger_report")
    with stores_world.database.noting() as cursor:
        cursor.execute("UPDATE reports SET attempts = 3")
    _, session = await serving()
    status, failed = await finished(session, answer["report_id"])
    assert (status, failed["status"]) == (500, "Failed")
    assert "3 times" in failed["reason"]


@pytest.mark.slow
async def test_an_orderly_end_is_no_attempt_that_failed(serving, stores_world, monkeypatch):
    stores_world.load(status=POLLS.splitlines())
    making, go_on = threading.Event(), threading.Event()
    make_report = report_module.make_report

    def slowly(*given):
        making.set()
        go_on.wait()
        return make_report(*given)

    monkeypatch.setattr(report_module, "make_report", slowly)
    _, session = await serving()
    _, answer = await ask(session, "GET", "/trigger_report")
    await asyncio.to_thread(making.wait)

    def row():
        with stores_world.database.reading() as cursor:
            return cursor.execute("SELECT status, attempts FROM reports").fetchone()

    while row() != ("running", 1):
        await asyncio.to_thread(row)  # the row is the barrier
    await serving(run=False)  # ends the one that is at it
    assert row() == ("running", 0)
    go_on.set()
    _, session = await serving()
    assert (await finished(session, answer["report_id"]))[0] == 200


@pytest.mark.slow
async def test_a_report_that_fails_says_why_and_the_next_request_tries_anew(serving, stores_world, monkeypatch):
    def no_disk(*_):
        raise StoreError("no space left")

    stores_world.load(status=POLLS.splitlines())
    monkeypatch.setattr(report_module, "make_report", no_disk)
    live, session = await serving()
    _, answer = await ask(session, "GET", "/trigger_report")
    status, failed = await finished(session, answer["report_id"])
    assert (status, failed) == (500, {"status": "Failed", "reason": "no space left"})
    monkeypatch.undo()
    _, again = await ask(session, "GET", "/trigger_report")
    assert again["report_id"] != answer["report_id"]
    assert (await finished(session, again["report_id"]))[0] == 200
    assert dict(live.jobs.ended) == {"failed": 1, "complete": 1}


@pytest.mark.slow
async def test_reports_are_forgotten_after_their_time(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    live, session = await serving(asked=Asked(keep_reports_s=-1.0))
    _, answer = await ask(session, "GET", "/trigger_report")
    assert (await finished(session, answer["report_id"]))[0] == 200
    await live.jobs.forget_old()
    assert (await ask(session, "GET", f"/get_report/{answer['report_id']}"))[0] == 404


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


@pytest.mark.slow
async def test_one_store_is_told_with_the_polls_behind_each_interval(serving, stores_world):
    stores_world.load(
        status=["a b/c,active,2023-01-23 10:14:00 UTC", "a b/c,inactive,2023-01-23 11:15:00 UTC"],
        hours=["a b/c,0,09:00:00,12:00:00"],
        timezones=["a b/c,UTC"],
    )
    _, session = await serving(run=False)
    status, answer = await ask(session, "GET", "/stores/a%20b%2Fc")
    assert (status, answer["store_id"], answer["zone"], answer["zone_fallback"]) == (200, "a b/c", "UTC", None)
    assert answer["hours"] == [{"day": 0, "start_time_local": "09:00:00", "end_time_local": "12:00:00"}]
    assert answer["intervals"][0]["state"] == "unknown"  # the end of the Monday before, which nobody polled
    assert [(i["start"][11:], i["end"][11:], i["state"], i["poll"][11:]) for i in answer["intervals"][1:]] == [
        ("09:00:00Z", "10:44:30Z", "up", "10:14:00Z"),
        ("10:44:30Z", "11:15:00Z", "down", "11:15:00Z"),
    ]
    assert answer["windows"]["day"] == {
        "business_seconds": 8100.0, "up_seconds": 6270.0, "down_seconds": 1830.0, "assumed_seconds": 0.0,
        "unknown_seconds": 0.0,
    }  # fmt: skip
    assert len(answer["polls"]) == 2


async def test_the_page_and_the_document_are_served(serving):
    _, session = await serving(run=False)
    status, document = await ask(session, "GET", "/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    async with session.get("/") as page, session.get("/page.js") as script:
        assert (page.status, script.status) == (200, 200)
        assert "Make a report" in await page.text()
        assert "trigger_report" in await script.text()
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    async with session.get("/docs") as page:
        assert "/get_report/{report_id}" in await page.text()


@pytest.mark.slow
async def test_any_range_is_asked_for_as_rows_as_one_store_and_as_pages(serving, stores_world):
    day = "from=2026-10-05&to=2026-10-06"
    stores_world.load(
        status=[
            "a,active,2026-10-05 10:00:00 UTC",
            "a,inactive,2026-10-05 12:00:00 UTC",
            "b,active,2026-10-06 10:00:00 UTC",
        ],
        hours=["a,0,09:00:00,17:00:00", "b,1,09:00:00,17:00:00"],
        timezones=["a,UTC", "b,UTC"],
    )
    _, session = await serving(run=False)
    status, told = await ask(session, "GET", f"/report?{day}&sort=uptime_hours&order=desc&limit=1")
    assert (status, told["total"], told["range"]) == (200, 2, "2026-10-05 to 2026-10-06 in the zone of each store")
    assert [(row["store_id"], row["uptime_hours"], row["downtime_hours"]) for row in told["rows"]] == [("a", 2, 6)]
    async with session.get("/report?month=2026-10&group_by=timezone&format=csv") as response:
        assert (response.content_type, response.headers["X-Total-Count"]) == ("text/csv", "1")
        assert (await response.text()).splitlines()[1].startswith("UTC,2,2,")
    stores_world.load(labels=["a,Nord & Süd"])
    status, told = await ask(session, "GET", f"/report?{day}&group_by=region")
    assert [(row["region"], row["stores"]) for row in told["rows"]] == [("(none)", 1), ("Nord & Süd", 1)]
    status, told = await ask(session, "GET", f"/report?{day}&group_by=region&group=Nord+%26+S%C3%BCd")
    assert [(row["store_id"], row["region"]) for row in told["rows"]] == [("a", "Nord & Süd")]
    assert (told["stores"], told["total"]) == (1, 1)
    async with session.get(f"/?{day}&group_by=region") as response:
        page = await response.text()
        link = f"?{day.replace('&', '&amp;')}&amp;group_by=region&amp;group=Nord+%26+S%C3%BCd"
        assert (response.status, f'<a href="{link}">Nord &amp; Süd</a>' in page) == (200, True)
    async with session.get(f"/?{link.replace('&amp;', '&').removeprefix('?')}") as response:
        page = await response.text()
        assert ("region Nord &amp; Süd</h1>" in page, "1 of 1</b>stores judged" in page) == (True, True)
    for wrong in ("group=x", "group_by=area", "group_by=region&group=x"):
        assert (await ask(session, "GET", f"/report?{day}&{wrong}"))[0] == 422
    async with session.get("/report?month=2026-10&format=parquet") as response:
        assert (await response.read())[:4] == b"PAR1"
    status, told = await ask(session, "GET", f"/stores/a?{day}")
    assert (status, told["windows"]["range"]["down_seconds"]) == (200, 6 * 3600)
    async with session.get(f"/view/a?{day}") as response:
        page = await response.text()
        assert (response.status, "6 h 00 min" in page, 'class="down' in page) == (200, True, True)
    malformed = (
        "/report?month=x",
        "/stores/a?last=x",
        "/report?monht=2026-10",
        "/view/a?q=x",
        "/report?limit=1&limit=2",
    )
    impossible = (
        "/report?from=2024-01-01&to=2026-10-01",
        "/?sort=x",
        "/view/a?tz=x",
        "/stores/a?month=2026-10&last=1d",
    )
    for wrong in (*malformed, *impossible):
        status, told = await ask(session, "GET", wrong)
        assert (status, list(told)) == (400 if wrong in malformed else 422, ["status"]), wrong
    assert (await ask(session, "GET", "/view/nobody"))[0] == 404


@pytest.mark.slow
async def test_each_parameter_of_the_document_is_answered_by_itself(serving, stores_world):
    stores_world.load(status=["a,active,2026-11-01 10:00:00 UTC"])
    _, session = await serving(run=False)
    for path in ("/report", "/stores/{store_id}"):
        asked = [given for given in DOCUMENT["paths"][path]["get"]["parameters"] if given["in"] == "query"]
        assert {"month", "quarter", "last", "from", "to", "range", "tz"} <= {given["name"] for given in asked}
        for given in asked:
            schema = given["schema"]
            example = given.get("example") or schema.get("enum", [""])[-1] or str(schema.get("maximum", "a"))
            beside = {"to": {"from": "2026-10-10"}, "group": {"group_by": "timezone"}}
            query = {given["name"]: example, **beside.get(given["name"], {})}
            async with session.get(path.format(store_id="a"), params=query) as response:
                assert response.status == 200, (query, await response.text())


@pytest.mark.slow
async def test_more_reports_of_ranges_than_a_few_are_asked_to_come_again(serving, monkeypatch):
    monkeypatch.setattr(api_module, "RANGES", 0)
    monkeypatch.setattr(api_module, "RANGE_WAIT_S", 0.01)
    _, session = await serving(run=False)
    async with session.get("/report") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "2")


@pytest.mark.slow
async def test_files_in_the_inbox_are_taken_in_and_put_away_with_the_reason_where_they_fail(
    serving, stores_world, tmp_path
):
    folder = tmp_path / "inbox"
    box = inboxes.Inbox(folder)
    assert box.look() == ([], None)  # and makes it
    for name, text in {"p.csv": HEADER + POLLS, "bad.csv": "a,b\n", ".p.csv": "half", "q.csv.part": "half"}.items():
        (folder / name).write_text(text)
    assert box.look() == ([], 0.0)  # they were written just now
    for name in ("p.csv", "bad.csv"):
        inboxes.os.utime(folder / name, (1e9, 1e9))
    resting, again_s = box.look()
    now_us = to_us(datetime(2023, 2, 1, tzinfo=UTC))
    results = {file.name: box.take(file, stores_world.database, now_us).result for file in resting}
    assert (results, again_s) == ({"p.csv": "done", "bad.csv": "failed"}, None)
    left = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert left == [".p.csv", "done/p.csv", "failed/bad.csv", "failed/bad.csv.reason.txt", "q.csv.part"]
    assert "expected the columns store_id, status" in (folder / "failed" / "bad.csv.reason.txt").read_text()


class Bell:
    """A waker that hears of no change: it only notes how long it should wait, and wakes when told."""

    def __init__(self):
        self.asked, self.rung, self.waiting = [], asyncio.Event(), asyncio.Event()

    async def wait(self, timeout_s, paths):
        self.asked.append(timeout_s)
        self.waiting.set()
        await self.rung.wait()
        self.rung.clear()


@pytest.mark.slow
async def test_the_inbox_is_looked_into_every_refresh_also_where_no_change_is_heard(
    stores_world, tmp_path, monkeypatch
):
    monkeypatch.setattr(inboxes, "REST_S", 0.0)
    bell = Bell()
    live = Live(stores_world.database, Settings(inbox=tmp_path / "in", refresh_s=7200.0), SystemClock(), waker=bell)
    task = asyncio.create_task(live.run())
    await bell.waiting.wait()
    (tmp_path / "in" / "p.csv").write_text(HEADER + POLLS)
    async with asyncio.timeout(30):
        while not list((tmp_path / "in" / "done").iterdir()):
            bell.waiting.clear()
            bell.rung.set()  # two hours have gone by
            await bell.waiting.wait()
    task.cancel()
    await asyncio.wait([task])
    assert set(bell.asked) == {7200.0}


@pytest.mark.slow
async def test_the_inbox_and_the_metrics_follow_what_lands(serving, stores_world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inboxes.Inbox(tmp_path / "inbox").look()
    live, _ = await serving(inbox=Path("inbox"))  # as people write it

    def land(name, text):
        (tmp_path / name).write_text(HEADER + text)
        inboxes.os.utime(tmp_path / name, (1e9, 1e9))
        (tmp_path / name).rename(tmp_path / "inbox" / name)

    def told():
        return "".join(Renderer().render(live.collect(), openmetrics=False))

    want = [
        'tidewatch_store_polls_total{source="stores",result="new"} 2',
        'tidewatch_store_inbox_files_total{source="stores",result="done"} 1',
        'tidewatch_stores{source="stores",state="up",timezone="America/Chicago"} 1',
        'tidewatch_stores{source="stores",state="down",timezone="America/Chicago"} 1',
        'tidewatch_store_config_fallback{source="stores",reason="timezone_missing"} 2',
    ]
    land("p.csv", POLLS)
    async with asyncio.timeout(30):
        while not all(line in told() for line in want):  # noqa: ASYNC110, the metrics are the barrier
            await asyncio.sleep(0.02)
        land("q.csv", "c,active,2023-01-25 11:00:00 UTC\n")  # long before the next hour
        while 'tidewatch_store_polls_total{source="stores",result="new"} 3' not in told():  # noqa: ASYNC110, the same
            await asyncio.sleep(0.02)
