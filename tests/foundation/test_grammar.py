"""Addresses, durations, instants and sizes: what is read, what is refused, and that writing and reading agree."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.grammar import (
    MAX_DURATION_S,
    MAX_SIZE_BYTES,
    Address,
    duration_s,
    format_duration,
    format_instant,
    format_size,
    host,
    host_port,
    instant,
    instant_or_word,
    port,
    size_bytes,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
READERS = (host_port, host, port, duration_s, instant, size_bytes)
JUNK = st.one_of(
    st.text(max_size=40), st.text("0123456789.:-+TZeEkMiBsmhdwy[] /", max_size=25), st.floats(), st.integers()
)


@pytest.mark.parametrize("read", READERS)
@given(JUNK)
def test_anything_is_read_or_refused_in_one_short_line(read, text):
    try:
        said = ""
        read(text)
    except ValueError as exc:
        said = str(exc)
    assert not said or (said.startswith("invalid ") and "expected" in said and said.isprintable() and len(said) < 250)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8090", "127.0.0.1", 8090),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("[::1]:80", "::1", 80),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("localhost:65535", "localhost", 65535),
        ("time_server.example.com.:1", "time_server.example.com.", 1),
    ],
)
def test_addresses(text, host, port):
    assert host_port(text) == (host, port)
    assert str(host_port(text)) == text


NAMES = st.from_regex(r"[a-z_]([a-z0-9_-]{0,10}[a-z0-9_])?(\.[a-z]([a-z0-9-]{0,5}[a-z0-9])?){0,3}\.?", fullmatch=True)


@given(st.one_of(st.ip_addresses().map(str), NAMES), st.integers(0, 65_535))
def test_an_address_as_written_is_read_back(name, number):
    assert host_port(str(Address(name, number))) == (name, number)


@given(st.one_of(st.from_regex(r"[0-9a-z_.:\[\]-]{1,12}", fullmatch=True), st.ip_addresses().map(str), NAMES))
def test_a_host_by_itself_is_what_an_address_has(text):
    """But for an IPv6 address, which needs its brackets before a port alone."""
    assert accepted(host, text) == (accepted(host_port, f"{text}:80") or accepted(host_port, f"[{text}]:80"))


@given(st.one_of(st.integers(-2, 70_000), st.text("0123456789+-. e٣", max_size=6)), st.booleans())
def test_a_port_by_itself_is_what_an_address_has(given_port, free):
    assert accepted(port, given_port, free=free) == accepted(host_port, f"localhost:{given_port}", free=free)


def accepted(read, *given_text, **bounds):
    try:
        read(*given_text, **bounds)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("read", "text", "want"),
    [
        (host, "::1", "::1"),
        (host, "[::1]", "::1"),
        (host, "0.0.0.0", "0.0.0.0"),
        (port, "0", 0),
        (port, 8090, 8090),
        (host, "", "invalid host ''"),
        (host, "127.0.0.1:80", "invalid host '127.0.0.1:80'"),
        (host, "http://a", "invalid host"),
        (port, "", "invalid port ''"),
        (port, 65_536, "invalid port 65536: expected a number from 0 to 65535, for example 8090"),
    ],
)
def test_the_halves_of_an_address(read, text, want):
    if isinstance(want, str) and want.startswith("invalid"):
        with pytest.raises(ValueError, match=want):
            read(text)
    else:
        assert read(text) == want


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("x", "expected HOST:PORT, for example 127.0.0.1:8090"),
        ("", "expected HOST:PORT, for example 127.0.0.1:8090"),
        (8095, "invalid address 8095: expected HOST:PORT, for example 127.0.0.1:8095"),
        ("8095", "for example 127.0.0.1:8095"),
        (":8090", "127.0.0.1:8090 for this machine only, 0.0.0.0:8090 for all"),
        ("127.0.0.1:", "expected HOST:PORT"),
        ("127.0.0.1:http", "expected HOST:PORT"),
        ("127.0.0.1:65536", "expected a port from 0 to 65535"),
        ("127.0.0.1:٣", "expected HOST:PORT"),
        ("127.0.0.1:+80", "expected HOST:PORT"),
        ("127.0.0.1: 80", "expected HOST:PORT"),
        ("http://127.0.0.1:80", "without a scheme or a path"),
        ("::1:80", "an IPv6 address in brackets, for example [::1]:80"),
        ("::1", "an IPv6 address in brackets"),
        ("[::1]", "expected HOST:PORT"),
        ("[127.0.0.1]:80", "an IPv6 address in brackets"),
        ("[]:80", "an IPv6 address in brackets"),
        ("127.1:80", "four numbers from 0 to 255"),
        ("256.0.0.1:80", "four numbers from 0 to 255"),
        ("0x7f000001:80", "four numbers from 0 to 255"),
        ("a..b:80", "a name or an IP address"),
        ("-a:80", "a name or an IP address"),
        ("a b:80", "a name or an IP address"),
        ("user@host:80", "a name or an IP address"),
        ("*:80", "a name or an IP address"),
        ("a" * 64 + ":80", "a name or an IP address"),
        (".".join(["a" * 63] * 3 + ["a" * 62]) + ":80", "a name or an IP address"),  # one character too long
    ],
)
def test_an_address_that_cannot_be_is_refused_with_the_remedy(text, remedy):
    with pytest.raises(ValueError, match="invalid address") as caught:
        host_port(text)
    assert remedy in str(caught.value)


def test_a_port_to_connect_to_is_not_0():
    with pytest.raises(ValueError, match="a port from 1 to 65535"):
        host_port("127.0.0.1:0", free=False)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("90", 90), (90, 90), (0.25, 0.25), ("0.5", 0.5), (".5", 0.5), ("1e3", 1000), (1e-05, 1e-05),
        ("90s", 90), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("1.5h", 5400), ("1d12h", 129600),
        ("1w", 604800), ("1y2w3d4h5m6s7ms", 31536000 + 14 * 86400 + 3 * 86400 + 4 * 3600 + 306.007),
    ],
)  # fmt: skip
def test_durations(text, want):
    assert duration_s(text) == want


@pytest.mark.parametrize(
    "text",
    [
        "", " 5", "5 s", "5x", "s", "٣", "-5", -5, "nan", "inf", float("nan"), float("inf"), True, "1_000", "1:30",
        "30s1m", "1m1m", "1m30", "10S", "1,5s", "9" * 400, "1e999", 0, "0", "0s", "0h0m",
    ],
)  # fmt: skip
def test_a_duration_that_cannot_be_is_refused(text):
    with pytest.raises(
        ValueError, match=r"invalid duration .*: expected (seconds or units, for example 10, 10s or 1m30s|more than 0)"
    ):
        duration_s(text)


def test_a_duration_may_be_bounded():
    assert duration_s("0", zero=True) == 0
    assert duration_s("1m", most_s=60) == 60
    with pytest.raises(ValueError, match="invalid duration '61s': expected more than 0 and at most 1m"):
        duration_s("61s", most_s=60)
    with pytest.raises(ValueError, match="expected at least 0s and at most 1m"):
        duration_s(61, zero=True, most_s=60)
    with pytest.raises(ValueError, match="expected at least 100ms and at most 1h"):
        duration_s("99ms", least_s=0.1, most_s=3600)


def test_a_duration_may_have_to_be_whole_seconds():
    assert duration_s("1.5m", whole=True) == 90
    with pytest.raises(ValueError, match="invalid duration '1500ms': expected whole seconds"):
        duration_s("1500ms", whole=True)


@pytest.mark.parametrize(
    ("seconds", "want"),
    [(0, "0s"), (0.25, "250ms"), (90, "1m30s"), (5400, "1h30m"), (129_600, "1d12h"), (61.001, "1m1s1ms")],
)
def test_durations_are_written_short(seconds, want):
    assert format_duration(seconds) == want


@given(st.integers(1, int(MAX_DURATION_S * 1000)))
def test_a_duration_as_written_is_read_back(millis):
    assert round(duration_s(format_duration(millis / 1000)) * 1000) == millis


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-11-22T06:29:59Z", 1795328999),
        ("2026-11-22t07:29:59+01:00", 1795328999),
        ("2026-11-22 06:29:59 UTC", 1795328999),
        ("2026-11-22 01:29:59 -0500", 1795328999),
        ("2026-11-22T06:29:59.25Z", 1795328999.25),
        ("2026-11-22T06:29Z", 1795328940),
        ("1795328999", 1795328999),
        (1795328999.5, 1795328999.5),
        ("-0.25", -0.25),
    ],
)
def test_instants(text, want):
    got = instant(text)
    assert got.timestamp() == want
    assert got.tzinfo is UTC


def test_a_time_without_a_zone_is_in_the_one_that_is_given():
    assert instant("2026-11-22T07:29:59", zone=BERLIN).timestamp() == 1795328999
    assert instant("2026-11-22T06:29:59Z", zone=BERLIN).timestamp() == 1795328999
    with pytest.raises(ValueError, match=r"a date and time with its zone, .* for example 2026-11-01T06:30:00Z"):
        instant("2026-11-22T07:29:59")


def test_a_date_alone_is_its_midnight_where_dates_are_allowed():
    assert instant("2026-11-22", zone=BERLIN, dates=True) == datetime(2026, 11, 22, tzinfo=BERLIN)
    with pytest.raises(ValueError, match="expected a date and time, or Unix seconds"):
        instant("2026-11-22", zone=BERLIN)


def test_words_are_taken_only_where_they_mean_something():
    assert instant_or_word("now", ("max", "now"), None) == "now"
    assert instant_or_word("2026-11-22", ("max", "now"), UTC) == datetime(2026, 11, 22, tzinfo=UTC)
    with pytest.raises(ValueError, match="invalid time 'today': expected max, now, a date and time, or Unix seconds"):
        instant_or_word("today", ("max", "now"), UTC)
    with pytest.raises(ValueError, match="invalid time 'now'"):
        instant("now")


@pytest.mark.parametrize(("text", "what"), [("2026-10-25T02:30", "pass it twice"), ("2026-03-29T02:30", "skip it")])
def test_a_local_time_that_is_two_or_none_needs_its_offset(text, what):
    with pytest.raises(ValueError, match=what) as caught:
        instant(text, zone=BERLIN)
    assert instant(str(caught.value).rpartition(" ")[2])


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2026-11", "2026-13-01T00:00Z", "2026-02-30T00:00Z", "2026-11-01T24:00Z",
        "2026-11-01T00:00+24:00", "2026-11-01T00:00+00:60", "20261101T000000Z", "2026-W47-1", "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-01:00", "1795328999000000", "1e9", "nan", float("inf"), "2026-11-01T00:00:00Z ",
        "٢٠٢٦-11-01T00:00Z",
    ],
)  # fmt: skip
def test_an_instant_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match=r"invalid time .*: expected a date and time with its zone"):
        instant(text)


@given(st.integers(-62_135_000_000_000_000, 253_402_300_799_999_999).map(lambda us: EPOCH + timedelta(microseconds=us)))
def test_an_instant_as_written_is_read_back(moment):
    assert instant(format_instant(moment)) == moment


@given(st.integers(-62_135_000_000, 253_402_300_799), st.timezones())
def test_unix_seconds_are_the_same_instant_in_every_zone(unix_s, zone):
    assert instant(unix_s, zone=zone) == EPOCH + timedelta(seconds=unix_s)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("0", 0), (10, 10), ("10B", 10), ("64KiB", 65536), ("64k", 65536), ("64kb", 64000), ("1MB", 10**6),
        ("1G", 1 << 30), ("1.5GiB", 3 << 29), ("2 TB", 2 * 10**12), (1024.0, 1024),
    ],
)  # fmt: skip
def test_sizes(text, want):
    assert size_bytes(text) == want


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "0.1kb5", "KiB", "1iB", "1PB", "1_000", "nan", float("inf"), True, "9" * 30]
)
def test_a_size_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match=r"invalid size .*: expected"):
        size_bytes(text)


def test_a_size_may_be_bounded():
    with pytest.raises(ValueError, match="invalid size '65MiB': expected 1B to 64MiB"):
        size_bytes("65MiB", least_bytes=1, most_bytes=64 << 20)


@given(st.integers(0, MAX_SIZE_BYTES))
def test_a_size_as_written_is_read_back(size):
    assert size_bytes(format_size(size)) == size


def test_the_longest_name_is_taken():
    assert host_port(".".join(["a" * 63] * 3 + ["a" * 61]) + ":80").port == 80


def test_a_number_that_only_rounding_makes_0_is_no_duration():
    with pytest.raises(ValueError, match="invalid duration"):
        duration_s("1e-1000", zero=True)


def test_nothing_is_0_bytes():
    assert format_size(0) == "0B"


def test_what_is_quoted_of_long_text_is_short():
    with pytest.raises(ValueError, match="invalid duration") as caught:
        duration_s("x" * 1000)
    assert len(str(caught.value)) < 200
