"""The error stream's rows, with the exporter and the receiver made up."""

import json
import re
import time

import pytest

from trafficgen.verify import groups, releases
from trafficgen.verify.groups import Traffic
from trafficgen.verify.peers import Delivery, PeerError, Sample
from trafficgen.verify.releases import Regression, Releases

TRAFFIC = Traffic(due=0, planned=0, sent=0, dropped=0, codes={})


class Peers:
    """An exporter whose counts are set, and a receiver that was told what is set."""

    def __init__(self):
        self.counts, self.told, self.said, self.asked = {}, [], [], None

    async def metrics(self, _exporter):
        return {
            "tidewatch_release_errors_total": [
                Sample({"source": source, "build": build, "code": "3"}, n) for source, build, n in self.counts
            ]
        }

    async def deliveries(self, _receiver, alert, source, **labels):
        self.asked = (alert, source, labels)
        return self.told


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """A group, its peers, and a function that sets what the feed has sent."""
    monkeypatch.setattr(groups, "POLL_S", 0)
    monkeypatch.setattr(releases, "AGREE_S", 0)
    peers, path = Peers(), tmp_path / "truth.json"

    def sent(old, new, **more):
        tree = {"start": int(time.time()) - 100, "candidate": "2", "regressions": [], **more}
        path.write_text(json.dumps({**tree, "counts": {"1": {"3": old}, "2": {"3": new}}}))

    sent(0, 0)
    group = Releases(peers, peers.said.append, path, exporter="", receiver="told", alert="Worse", within_s=0)
    return group, peers, sent


async def test_what_was_sent_meanwhile_and_counted_holds_whatever_was_counted_before(stream):
    group, peers, sent = stream
    peers.counts = [("app", "1", 1000), ("app", "2", 0), ("other", "1", 7)]
    await group.begin()
    sent(5, 6)
    peers.counts = [("app", "1", 1005), ("app", "2", 6), ("other", "1", 9)]
    assert [(row.expected, row.holds) for row in await group.rows(TRAFFIC)] == [("11 (1: 5, 2: 6)", True)]


@pytest.mark.parametrize("counted", [(4, 6), (6, 5)], ids=["one-lost", "one-in-the-wrong-build"])
async def test_a_record_that_is_not_counted_where_it_belongs_is_told(stream, counted):
    group, peers, sent = stream
    await group.begin()
    sent(5, 6)
    peers.counts = [("app", "1", counted[0]), ("app", "2", counted[1])]
    (row,) = await group.rows(TRAFFIC)
    assert (row.holds, row.got) == (False, f"{sum(counted)} (1: {counted[0]}, 2: {counted[1]})")


async def test_a_feed_that_has_stopped_is_told(stream, monkeypatch):
    group, _, _ = stream
    await group.begin()
    rows = await group.rows(TRAFFIC)
    assert [(row.name, row.holds) for row in rows] == [
        ("error stream: sent = counted", True),
        ("the error feed goes on", False),
    ]


@pytest.mark.parametrize(
    ("told_s_ago", "holds"),
    [([1.0], True), ([500.0], False), ([], False)],
    ids=["told", "of-an-earlier-run", "not-told"],
)
async def test_the_regression_must_be_told(stream, monkeypatch, told_s_ago, holds):
    monkeypatch.setattr(releases, "DELIVERED_WITHIN_S", 0)
    group, peers, sent = stream
    await group.begin()
    sent(0, 1, regressions=[{"code": 3, "start_s": 45.0, "every_s": 360.0}])
    peers.counts = [("app", "2", 1)]
    peers.told = [Delivery("firing", time.time() - ago, time.time() - ago) for ago in told_s_ago]
    rows = await group.rows(TRAFFIC)
    assert [row.holds for row in rows] == [True, holds]
    assert peers.asked == ("Worse", "app", {"candidate": "2", "code": "3"})


async def test_a_regression_that_is_still_to_come_is_waited_for_and_that_is_said(stream, monkeypatch):
    monkeypatch.setattr(releases, "DELIVERED_WITHIN_S", -1e9)
    group, peers, sent = stream
    await group.begin()
    sent(0, 1, regressions=[{"code": 3, "start_s": 400.5}])
    peers.counts = [("app", "2", 1)]
    rows = await group.rows(TRAFFIC)
    assert [row.name for row in rows] == ["error stream: sent = counted", "Worse of code 3"]
    (said,) = peers.said
    found = re.fullmatch(r"code 3 of the error stream gets worse in (\d+) s; waiting for its alert", said)
    assert found
    assert 0 < int(found[1]) <= 301  # 400.5 s after a start of 100 s ago, less what the test took


@pytest.mark.parametrize(
    ("every", "now", "want"), [(None, 500, 45), (None, 10, 45), (360, 44, 45), (360, 404, 45), (360, 406, 405)]
)
def test_when_a_regression_last_began(every, now, want):
    assert Regression(3, 45.0, every).last_begun(now) == want


@pytest.mark.parametrize("text", [None, "", "{}", "[1]"])
async def test_a_truth_that_cannot_be_read_is_one_line(stream, tmp_path, text):
    group, _, _ = stream
    path = tmp_path / "truth.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(PeerError, match=r"truth\.json: the feed's truth cannot be read"):
        await group.begin()
