"""Reports of any range, as rows, as one store and as pages."""

import pytest
from stores_service import ask

from exporter.stores import api as api_module
from exporter.stores.openapi import DOCUMENT


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
