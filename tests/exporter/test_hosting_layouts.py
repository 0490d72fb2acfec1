"""Lines that are read by their layout are read as one by one."""

import json
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.hosting.blocks import parse_lines
from exporter.hosting.layouts import Layouts, learn
from exporter.hosting.order import FileOrder
from exporter.hosting.parse import Created, Heartbeat, Route, Times, parse_line
from foundation.errors import BadRecord

HEARTBEAT = '{"event": "heartbeat", "serverId": %s, "workload": %s, "time": "%s"}'
COMPACT = '{"time":"%s","event":"route","accountId":%s,"serverId":%s,"by":"manager"}'
USUAL = [HEARTBEAT % (n, 0.5, "2016-10-30 01:00:00") for n in range(40)] + [
    COMPACT % ("2016-10-30 01:00:00", n, 1) for n in range(40)
]
"""Enough lines for their layouts to be worth a proof."""

ids = st.one_of(
    st.integers(0, 2**64).map(str),
    st.sampled_from(["0", "7", "01", "-1", "1.0", "9" * 15, "9" * 16, "9" * 17, '"1"', "1e3", "", "\u0661"]),
)
workloads = st.one_of(
    st.floats(0, 2).map(repr),
    st.decimals(0, 1000, places=3).map(str),
    st.integers(0, 10**18).map(lambda n: f"0.{n}"),
    st.sampled_from(["1", "0", "00.5", "1.", ".5", "1e-3", "0.5e1", "-0.5", "1.5.2", "9" * 15 + ".9", "9" * 17, "NaN"]),
)
clocks = st.one_of(
    st.datetimes().map(lambda at: at.isoformat(" ", "seconds")),
    st.times().map(lambda at: f"2016-10-30 {at.isoformat('seconds')}"),
    st.sampled_from(
        [
            "2016-10-30 02:30:00",
            "2016-03-27 02:30:00",
            "2016-02-30 00:00:00",
            "2016-13-01 00:00:00",
            "2016-10-30 24:00:00",
            "2016-10-30 23:60:00",
            "2016-10-30 23:59:60",
            "2016-10-30T01:00:00",
            "2016-10-30 01:00:00Z",
            "2016-10-30 01:00:00.5",
            "2016-10-30 01:00:00+02:00",
            "2016-10-30",
            "201a-10-30 01:00:00",
            "2016/10/30 01:00:00",
            "9998-12-31 23:59:59",
            "9999-01-01 00:00:00",
            "1969-12-31 23:59:59",
        ]
    ),
)
lines = st.one_of(
    st.tuples(ids, workloads, clocks).map(lambda cells: HEARTBEAT % cells),
    st.tuples(clocks, ids, ids).map(lambda cells: COMPACT % cells),
    st.tuples(ids, workloads, clocks).map(lambda cells: (HEARTBEAT % cells)[:-1] + ', "serverId": 3}'),
    st.tuples(ids, workloads, clocks).map(lambda cells: (HEARTBEAT % cells) + "\r"),
    st.sampled_from(["", "{}", USUAL[0][:-1], USUAL[0] + USUAL[0], "\x00", USUAL[0] + " "]),
)


def one_by_one(text, times):
    """(place, event without its time, second, gap), and (place, reason)."""
    events, bad = [], []
    for place, line in enumerate(text[:-1].split(b"\n")):
        try:
            event, time_s = parse_line(line, times)
        except BadRecord as exc:
            bad.append((place, exc.reason))
        else:
            events.append((place, values_of(event), time_s, times.twins.get(event.time, 0)))
    return events, bad


def values_of(event):
    names = {Heartbeat: ("server_id", "workload"), Route: ("account_id", "server_id")}[type(event)]
    return type(event).__name__, {name: getattr(event, name) for name in names}


def rows_of(columns):
    cells = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in cells]


def by_layout(text, layouts, times):
    parsed = parse_lines(text, layouts, times)
    events = [
        (place, ({"heartbeats": "Heartbeat", "routes": "Route"}[name], cells), time_s, gap_s)
        for name, some in parsed.tables.items()
        for one in some
        for place, cells, time_s, gap_s in zip(
            one.lines.tolist(),
            rows_of(one.columns),
            one.time_s.tolist(),
            one.gap_s.tolist(),
            strict=True,
        )
    ]
    return sorted(events, key=lambda event: event[0]), [(bad.place, bad.why.reason) for bad in parsed.bad]


@given(
    found=st.lists(lines, max_size=30),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    cut=st.integers(1, 200),
)
def test_any_lines_are_read_as_one_by_one(found, zone, cut):
    layouts, times = Layouts(), Times(ZoneInfo(zone))
    for some in (USUAL + found, found + USUAL, found[:cut]):
        if some:
            text = "".join(f"{line}\n" for line in some).encode()
            assert by_layout(text, layouts, times) == one_by_one(text, Times(ZoneInfo(zone)))
    assert len(layouts.known) >= 2


@pytest.mark.parametrize(
    ("time", "want"),
    [
        pytest.param("2016-02-15 00:00:01", 1455494401, id="of-the-zone"),
        pytest.param("2016-02-15T00:00:01Z", 1455494401, id="utc"),
        pytest.param("2016-02-15T00:00:01.999Z", 1455494401, id="fraction"),
        pytest.param("2016-02-15T01:00:01+01:00", 1455494401, id="offset"),
    ],
)
def test_usual_spellings_of_times_have_a_layout(time, want):
    line = HEARTBEAT % (12, 0.75, time)
    layouts = Layouts()
    parsed = parse_lines(f"{line}\n".encode() * 40, layouts, Times())
    (events,) = parsed.tables["heartbeats"]
    assert len(layouts.known) == 1
    assert events.time_s.tolist() == [want] * 40
    assert events.columns["server_id"].tolist() == [12] * 40
    assert events.columns["workload"].tolist() == [0.75] * 40


@pytest.mark.parametrize(
    "line",
    [
        pytest.param((HEARTBEAT % (1, 0.5, "2016-02-15 00:00:00"))[:-1] + ', "serverId": 3}', id="key-twice"),
        pytest.param((HEARTBEAT % (1, 0.5, "2016-02-15 00:00:00"))[:-1] + ', "server\\u0049d": 3}', id="spelled-twice"),
        pytest.param((HEARTBEAT % (1, 0.5, "2016-02-15 00:00:00"))[:-1] + ', "of": {"time": 3}}', id="key-inside"),
        pytest.param(HEARTBEAT % (1, "0.5e1", "2016-02-15 00:00:00"), id="exponent"),
        pytest.param(HEARTBEAT % (1, 0.5, "2016-02-15 00:00:00[Europe/Berlin]"), id="name-of-a-zone"),
        pytest.param((HEARTBEAT % (1, 0.5, "2016-02-15 00:00:00"))[:-1], id="no-json"),
        pytest.param(json.dumps({"event": "deleteAccount", "accountId": 1, "time": "2016-02-15 00:00:00"}), id="other"),
    ],
)
def test_no_layout_is_taken_from_a_line_that_does_not_prove_it(line):
    assert learn(line.encode()) is None


def sorted_by_time(some):
    return sorted(some, key=lambda one: one[0])


times_s = st.integers(0, 4).flatmap(
    lambda hour: st.integers(-90, 3690).map(lambda second: 1477785600 + 3600 * hour + second)
)
written = st.lists(st.tuples(times_s, st.sampled_from([0, 0, 3600]), st.sampled_from([1, 2, None])), max_size=30)


@given(found=st.one_of(written, written.map(sorted_by_time)), cut=st.integers(0, 30))
def test_the_order_in_arrays_says_what_it_says_line_by_line(found, cut):
    one, many = FileOrder(), FileOrder()
    for some in (found[:cut], found[cut:]):
        events, twins = [], {}
        for number, (_, gap_s, writer) in enumerate(some):
            time = f"{number}-{gap_s}"
            if gap_s:
                twins[time] = gap_s
            events.append(Created(number, "", time) if writer is None else Heartbeat(writer, 0.5, time))
        seconds = [time_s for time_s, _, _ in some]
        one.add(events, seconds, twins)
        many.add_columns(
            np.array([writer or 0 for _, _, writer in some], np.int64),
            np.array(seconds, np.int64),
            np.array([gap_s for _, gap_s, _ in some], np.int64),
            np.array([writer is None for _, _, writer in some], bool),
            events.__getitem__,
        )
        assert many.doubtful == one.doubtful
        assert (many.whole, many.writers, many.reaches_out) == (one.whole, one.writers, one.reaches_out)
