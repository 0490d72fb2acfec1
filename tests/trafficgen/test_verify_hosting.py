"""The check's row about web hosts, with the exporter made up."""

import json

import pytest

from trafficgen.verify import groups
from trafficgen.verify.groups import Traffic
from trafficgen.verify.hosting import Hosting
from trafficgen.verify.peers import PeerError, Sample

TRAFFIC = Traffic(due=0, planned=0, sent=0, dropped=0, codes={})
WATERMARK = 1455494400


class Exporter:
    def __init__(self, *minutes):
        self.minutes = list(minutes)

    async def metrics(self, _url):
        as_of_s, down_s, up_s = self.minutes.pop(0) if len(self.minutes) > 1 else self.minutes[0]
        spent = {"up": up_s, "overload": down_s - 1, "silent": 1, "unrouted": 0, "unknown": 999}
        return {
            "tidewatch_hosting_watermark_timestamp_seconds": [Sample({"source": "platform"}, as_of_s)],
            "tidewatch_hosting_account_state_seconds": [Sample({"state": s}, n) for s, n in spent.items()],
        }


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(groups, "POLL_S", 0)


def told(tmp_path, exporter, within_s=0.0):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"recent": [[WATERMARK, 60, 600], [WATERMARK + 60, 120, 1200]]}))
    return Hosting(exporter, "http://127.0.0.1:8090", str(path), within_s)


async def test_a_minute_is_compared_with_the_truth_of_that_minute(tmp_path):
    group = told(tmp_path, Exporter((WATERMARK, 60, 540)))
    await group.begin()
    (row,) = await group.rows(TRAFFIC)
    assert (row.holds, row.expected, row.got) == (True, "60 s of 600 s", "60 s of 600 s")


async def test_an_exporter_that_is_behind_the_kept_truth_is_waited_for(tmp_path):
    (row,) = await told(tmp_path, Exporter((WATERMARK - 60, 0, 0), (WATERMARK + 60, 120, 1080)), 60).rows(TRAFFIC)
    assert row.holds


@pytest.mark.parametrize(
    ("minute", "expected"),
    [((WATERMARK, 61, 539), "60 s of 600 s"), ((WATERMARK + 600, 60, 540), "the feed's truth of that minute")],
    ids=["another-downtime", "a-minute-nobody-knows"],
)
async def test_what_differs_is_a_row_that_differs(tmp_path, minute, expected):
    (row,) = await told(tmp_path, Exporter(minute)).rows(TRAFFIC)
    assert (row.holds, row.expected) == (False, expected)


@pytest.mark.parametrize("content", [None, "{}", "[", '{"recent": 5}'], ids=["missing", "empty", "torn", "other"])
async def test_a_feed_that_does_not_write_is_told(tmp_path, content):
    path = tmp_path / "truth.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PeerError, match=r"truth\.json: "):
        await Hosting(Exporter(), "http://127.0.0.1:8090", str(path), 0).begin()
