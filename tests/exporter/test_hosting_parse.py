"""Every line is an event or is set aside with a reason; nothing stops the run."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hosting_tables import read_tables
from hypothesis import given
from hypothesis import strategies as st

from exporter.hosting.parse import (
    MAX_LINE_BYTES,
    Created,
    Deleted,
    Heartbeat,
    Route,
    Times,
    parse_block,
    parse_line,
)
from exporter.tables import read_instant
from foundation.errors import BadRecord, SourceError

HEARTBEAT = b'{"event": "heartbeat", "serverId": 2, "workload": 0.5, "time": "2012-11-02 08:24:00"}'
ROUTE = b'{"event": "route", "accountId": 1, "serverId": 3, "time": "2012-11-02 14:34:02"}'
CREATED = b'{"event": "createAccount", "accountId": 1, "accountName": "Adam Brown", "time": "2012-11-02 14:34:02"}'
DELETED = b'{"event": "deleteAccount", "accountId": 1, "time": "2012-11-03 10:12:30"}'
T = "2012-11-02 14:34:02"


@pytest.mark.parametrize(
    ("line", "want"),
    [
        pytest.param(HEARTBEAT, (Heartbeat(2, 0.5, "2012-11-02 08:24:00"), 1351844640), id="heartbeat"),
        pytest.param(ROUTE, (Route(1, 3, T), 1351866842), id="route"),
        pytest.param(CREATED, (Created(1, "Adam Brown", T), 1351866842), id="created"),
        pytest.param(DELETED, (Deleted(1, "2012-11-03 10:12:30"), 1351937550), id="deleted"),
        pytest.param(ROUTE[:-1] + b', "by": {"x": [1]}}\r', (Route(1, 3, T), 1351866842), id="extra-keys-and-cr"),
        pytest.param(
            b'{"event": "heartbeat", "serverId": 2, "workload": 1, "time": "2012-11-02 08:24:00"}',
            (Heartbeat(2, 1.0, "2012-11-02 08:24:00"), 1351844640),
            id="whole-number",
        ),
    ],
)
def test_the_events_of_the_task_are_read(line, want):
    assert parse_line(line, Times()) == want


def changed(line, **keys):
    return json.dumps({**json.loads(line), **keys}).encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"", "blank", id="empty"),
        pytest.param(b"  \r", "blank", id="spaces"),
        pytest.param(HEARTBEAT[:-9], "not_json", id="truncated"),
        pytest.param(HEARTBEAT + b"{}", "not_json", id="two-on-a-line"),
        pytest.param(b"\xff\xfe\x00", "not_json", id="garbage"),
        pytest.param(b'{"event": "heartbeat\xff"}', "not_json", id="not-utf8"),
        pytest.param(b"[" * 100_000, "not_json", id="deeply-nested"),
        pytest.param(HEARTBEAT.replace(b"0.5", b"NaN"), "not_json", id="nan"),
        pytest.param(b'["event"]', "not_object", id="array"),
        pytest.param(b'{"time": "2012-11-02 08:24:00"}', "unknown_event", id="no-event"),
        pytest.param(changed(HEARTBEAT, event="reboot"), "unknown_event", id="unknown-event"),
        pytest.param(changed(HEARTBEAT, event=["heartbeat"]), "unknown_event", id="event-of-a-wrong-type"),
        pytest.param(b'{"event": "deleteAccount", "accountId": 1}', "missing_key", id="no-time"),
        pytest.param(changed(ROUTE, serverId="3"), "bad_value", id="id-as-text"),
        pytest.param(changed(ROUTE, serverId=2**63), "bad_value", id="id-beyond-64-bits"),
        pytest.param(changed(HEARTBEAT, workload=-0.1), "bad_workload", id="negative"),
        pytest.param(changed(HEARTBEAT, workload="0.5"), "bad_workload", id="workload-as-text"),
        pytest.param(HEARTBEAT.replace(b"0.5", b"1e999"), "bad_workload", id="beyond-a-double"),
        pytest.param(changed(HEARTBEAT, time="02/11/2012 08:24"), "bad_time", id="other-format"),
        pytest.param(changed(HEARTBEAT, time="2012-11-02"), "bad_time", id="date-alone"),
        pytest.param(changed(HEARTBEAT, time="2012/11/02"), "bad_time", id="date-with-slashes"),
        pytest.param(changed(HEARTBEAT, time="20121102"), "bad_time", id="date-of-digits"),
        pytest.param(changed(HEARTBEAT, time=20121102), "bad_time", id="date-as-number"),
        pytest.param(changed(HEARTBEAT, time="20121102082400"), "bad_time", id="digits-of-no-epoch"),
        pytest.param(changed(HEARTBEAT, time=True), "bad_time", id="time-as-truth"),
        pytest.param(changed(HEARTBEAT, time="2012-13-02 08:24:00"), "bad_time", id="no-such-month"),
        pytest.param(changed(HEARTBEAT, time="1969-12-31 23:59:59"), "bad_time", id="before-1970"),
        pytest.param(changed(HEARTBEAT, time="9999-12-31 23:59:00"), "bad_time", id="no-cycle-could-end-after-it"),
        pytest.param(changed(HEARTBEAT, time="٢٠١٢-11-02 08:24:00"), "bad_time", id="other-digits"),
        pytest.param(changed(HEARTBEAT, time=5), "bad_time", id="time-as-number"),
    ],
)
def test_a_bad_line_has_its_reason(line, reason):
    with pytest.raises(BadRecord) as caught:
        parse_line(line, Times())
    assert caught.value.reason == reason


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_an_event_or_a_bad_record(line):
    with pytest.raises(BadRecord):
        parse_line(line, Times())


@pytest.mark.parametrize(
    ("zone", "text", "want"),
    [
        pytest.param("UTC", "2016-02-29 00:00:00", 1456704000, id="leap-day"),
        pytest.param("Europe/Berlin", "2016-02-29 01:00:00", 1456704000, id="local"),
        pytest.param("Europe/Berlin", "2016-10-30 02:30:00", 1477787400, id="repeated-hour-is-the-first"),
        pytest.param("Europe/Berlin", "2016-03-27 02:30:00", 1459042200, id="skipped-hour-goes-on"),
    ],
)
def test_times_are_read_in_their_zone(zone, text, want):
    assert Times(ZoneInfo(zone))[text] == want


@pytest.mark.parametrize(
    "given",
    [
        *("2016-02-29T00:00:00Z", "2016-02-29t00:00:00z", "2016-02-29 00:00:00Z", "2016-02-29 00:00:00 UTC"),
        *("2016-02-29T01:00:00+01:00", "2016-02-28 19:00:00 -0500", "2016-02-29T05:30+05:30", "20160229T000000Z"),
        *("2016-02-29T00:00:00.999999Z", "2016-02-29 00:00:00,5Z", "2016-02-29T01:00:00", "2016-02-29 01:00"),
        *(" 2016-02-29 01:00:00 ", "1456704000", "1456704000.25", "1456704000123", "1456704000123456"),
        *("2016/02/29 01:00:00", "1456704000,25", "2016-02-29T01:00:00[Europe/Berlin]", "2016-02-28T24:00:00Z"),
        *(1456704000, 1456704000.75, 1456704000123, 1456704000123456, 1456704000123456789),
    ],
    ids=str,
)
def test_every_form_of_an_instant_is_read(given):
    """Those without a zone are Berlin's."""
    line = json.dumps({"event": "deleteAccount", "accountId": 1, "time": given}).encode()
    assert parse_line(line, Times(ZoneInfo("Europe/Berlin"))) == (Deleted(1, given), 1456704000)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.datetimes(datetime.fromisoformat("1980-01-01"), datetime.fromisoformat("2099-01-01")),
    st.integers(0, 3600),
    st.sampled_from([" ", "T"]),
    st.sampled_from(["", "Z"]),
)
def test_the_quick_way_reads_what_the_general_one_does(zone, moment, more_s, joint, ending):
    """Also around the hours that clocks repeat or skip, and whatever was read before in the same hour."""
    times = Times(ZoneInfo(zone))
    for at in (moment, moment + timedelta(seconds=more_s), moment.replace(month=10, day=27, hour=2)):
        text = f"{at:%Y-%m-%d}{joint}{at:%H:%M:%S}{ending}"
        want = read_instant(text, ZoneInfo(zone))
        assert times[text] == want.us // 1_000_000
        assert times.twins.get(text, 0) == max(want.shift_us, 0) // 1_000_000


lines_of_a_log = st.lists(
    st.sampled_from([HEARTBEAT, ROUTE, CREATED, DELETED, HEARTBEAT[:-5], b"", ROUTE + b" ", b'{"a":', b"1}"]),
    max_size=8,
)


@given(lines_of_a_log)
def test_a_block_is_read_as_its_lines_are(lines):
    """Or not at all, and then there is something that only reading by the line can tell."""
    block = b"".join(line + b"\n" for line in lines)
    whole = parse_block(block, Times()) if block else None
    try:
        by_line = [parse_line(line, Times()) for line in lines]
    except BadRecord:
        by_line = None
    if whole is not None:
        assert by_line == list(zip(*whole, strict=True))


def test_bad_lines_are_kept_with_file_line_and_reason(tmp_path):
    path = tmp_path / "logs.json"
    path.write_bytes(b"\xef\xbb\xbf" + HEARTBEAT + b"\n\nnonsense\n" + ROUTE + b"\n" + CREATED[:20])
    kept = []
    tables, log = read_tables(path, keep=kept.append)
    assert [(k.file, k.line, k.reason, k.text) for k in kept] == [
        (str(path), 2, "blank", ""),
        (str(path), 3, "not_json", "nonsense"),
        (str(path), 5, "not_json", CREATED[:20].decode()),
    ]
    assert (log.lines, log.events, dict(log.set_aside)) == (5, 2, {"blank": 1, "not_json": 2})
    assert tables["heartbeats"]["workload"] == [0.5]
    assert tables["routes"]["server_id"] == [3]


@pytest.mark.parametrize("extra", [1, MAX_LINE_BYTES, 3 * MAX_LINE_BYTES], ids=["by-one", "twofold", "fourfold"])
def test_a_line_that_is_too_long_costs_only_itself(tmp_path, extra):
    path = tmp_path / "logs.json"
    path.write_bytes(HEARTBEAT + b"\n" + b"x" * (MAX_LINE_BYTES + extra) + b"\n" + ROUTE + b"\nbad\n")
    kept = []
    _, log = read_tables(path, keep=kept.append)
    assert [(k.line, k.reason) for k in kept] == [(2, "too_long"), (4, "not_json")]
    assert log.events == 2


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(SourceError, match=r"none\.json: No such file"):
        read_tables(tmp_path / "none.json")
