"""The report API over real sockets on loopback: its requests, one store, and what is wrong in a request."""

import asyncio
import json
import uuid

import pytest
from stores_service import POLLS, ask, finished


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


async def test_a_format_that_is_none_is_refused_before_the_report_is_ready(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    _, answer = await ask(session, "GET", "/trigger_report")
    status, told = await ask(session, "GET", f"/get_report/{answer['report_id']}?format=xlsx")
    assert (status, told) == (400, {"status": "format: expected csv or json"})


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
