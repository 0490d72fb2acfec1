"""What the metrics tell of all stores, and of single ones where asked for. Monday is 2023-01-23; all hours are UTC."""

import pytest

from exporter.stores.engine import Policy
from exporter.stores.metrics import SERIES_PER_STORE, Show, families
from exporter.stores.report import make_report
from exporter.web.exposition import Renderer

AS_OF = "2023-01-23 12:00"
HOURS = "0,08:00:00,20:00:00"
POLLS = {
    "up": ["+09:00", "+10:00", "+11:00"],
    "down": ["+09:00", "-10:00", "-11:00"],  # two in a row: offline since half past nine
    "once": ["+09:00", "+10:00", "-11:00"],  # one may be the poll's own fault
    "silent": ["+08:30"],
    "nobody": [],
    "closed": ["-09:00"],
}
EDGES = {  # at the very moment of the report one opens, one closes, and of one nothing is known any more
    "opening": (["6,12:00:00,20:00:00", "0,12:00:00,20:00:00"], "inactive,2023-01-22 15:00:00"),
    "closing": (["0,08:00:00,12:00:00"], "active,2023-01-23 11:00:00"),
    "expired": ([], "active,2023-01-22 12:00:00"),
}


@pytest.fixture(scope="module")
def report(stores_worlds):
    world = stores_worlds()
    words = {"+": "active", "-": "inactive"}
    world.load(
        hours=[f"{store},{HOURS if store != 'closed' else '1,08:00:00,20:00:00'}" for store in POLLS],
        timezones=[f"{store},UTC" for store in POLLS if store != "silent"] + ["silent,Mars/Base"],
        status=[f"{store},{words[poll[0]]},2023-01-23 {poll[1:]}:00 UTC" for store in POLLS for poll in POLLS[store]],
    )
    return make_report(world.database, Policy(), world.moment(AS_OF))


@pytest.fixture(scope="module")
def edges(stores_worlds):
    world = stores_worlds()
    world.load(
        hours=[f"{store},{opening}" for store, (hours, _) in EDGES.items() for opening in hours],
        timezones=[f"{store},UTC" for store in EDGES],
        status=[f"{store},{poll} UTC" for store, (_, poll) in EDGES.items()],
    )
    return make_report(world.database, Policy(), world.moment(AS_OF))


def told(report, **show):
    text = "".join(Renderer().render(families("s", report, Show(**show)), openmetrics=False))
    return dict(line.rpartition(" ")[::2] for line in text.splitlines() if not line.startswith("#"))


def test_every_store_is_in_one_state_and_one_zone(report):
    found = told(report)
    states = {name: n for name, n in found.items() if name.startswith("tidewatch_stores{") and n != "0"}
    assert states == {
        'tidewatch_stores{source="s",state="up",timezone="UTC"}': "1",
        'tidewatch_stores{source="s",state="down",timezone="UTC"}': "2",
        'tidewatch_stores{source="s",state="unknown",timezone="UTC"}': "1",
        'tidewatch_stores{source="s",state="closed",timezone="UTC"}': "1",
        'tidewatch_stores{source="s",state="unknown",timezone="unknown"}': "1",
    }
    assert found['tidewatch_store_report_rows{source="s"}'] == "6"
    fallbacks = {
        name.split('"')[3]: n for name, n in found.items() if name.startswith("tidewatch_store_config_fallback")
    }
    assert fallbacks.keys() == {"hours_missing", "hours_unknown", "timezone_missing", "timezone_unknown"}
    assert (fallbacks["timezone_unknown"], fallbacks["timezone_missing"]) == ("1", "0")


def test_a_state_holds_from_its_first_moment_to_before_its_end(edges):
    found = told(edges, per_store=True)
    states = {name for name, n in found.items() if name.startswith("tidewatch_store_state{") and n == "1"}
    assert states == {
        'tidewatch_store_state{source="s",store_id="opening",state="down"}',
        'tidewatch_store_state{source="s",store_id="closing",state="closed"}',
        'tidewatch_store_state{source="s",store_id="expired",state="unknown"}',
    }


def test_two_polls_in_a_row_make_a_store_offline(report):
    found = told(report)
    assert found['tidewatch_stores_offline{source="s"}'] == "1"
    offline = {name: n for name, n in found.items() if name.startswith("tidewatch_store_offline_seconds")}
    assert offline == {'tidewatch_store_offline_seconds{source="s",store_id="down"}': "9000.0"}
    assert "tidewatch_store_offline_seconds" not in "".join(told(report, worst=0))


@pytest.mark.slow
def test_a_store_is_silent_once_it_should_have_been_polled(stores_worlds):
    world = stores_worlds()
    polls = ["a,active,2023-01-23 09:29:59 UTC", "b,active,2023-01-23 09:30:00 UTC"]
    world.load(hours=[f"{store},{HOURS}" for store in "abc"], timezones=[f"{s},UTC" for s in "abc"], status=polls)
    report = make_report(world.database, Policy(), world.moment(AS_OF))
    assert told(report)['tidewatch_stores_silent{source="s"}'] == "1"
    assert told(report, silent_after_s=8000.0)['tidewatch_stores_silent{source="s"}'] == "2"


def test_ratios_and_bands_are_of_known_business_time(report):
    found = told(report)
    # In the last hour `up` is up, `down` and `once` are down; of the others nothing is known, or they are closed.
    assert float(found['tidewatch_store_uptime_ratio{source="s",window="hour"}']) == 1 / 3
    bands = {name: n for name, n in found.items() if 'by_uptime{source="s",window="hour"' in name and n != "0"}
    assert bands == {
        'tidewatch_stores_by_uptime{source="s",window="hour",band="0 %"}': "2",
        'tidewatch_stores_by_uptime{source="s",window="hour",band="100 %"}': "1",
        'tidewatch_stores_by_uptime{source="s",window="hour",band="none"}': "3",
    }


def test_single_stores_are_told_where_asked_for_whole_or_not_at_all(report):
    def of_single(found):
        return [name for name in found if "store_id" in name and "offline" not in name]

    assert of_single(told(report)) == []
    found = told(report, per_store=True)
    assert found['tidewatch_store_state{source="s",store_id="down",state="down"}'] == "1"
    assert found['tidewatch_store_state{source="s",store_id="down",state="up"}'] == "0"
    assert found['tidewatch_store_state_seconds{source="s",store_id="down",window="day",state="down"}'] == "9000.0"
    assert found['tidewatch_store_last_poll_timestamp_seconds{source="s",store_id="up"}'] == "1674471600.0"
    two = of_single(told(report, per_store=True, max_series=2 * SERIES_PER_STORE + 5))
    assert {name.split('store_id="')[1].split('"')[0] for name in two} == {"closed", "down"}
