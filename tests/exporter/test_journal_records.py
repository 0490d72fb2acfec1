"""Output of journalctl to records: which are wanted, and how far they go."""

import json

import pytest
from journaling import record

from exporter.sources.journal.records import Records, is_same
from exporter.sources.journal.settings import Journal
from foundation.config import parse_config
from foundation.errors import ConfigError


def cursor(line):
    return json.loads(line)["__CURSOR"]


def fed(stream, patterns=(), before=None, step=None, **settings):
    records = Records(patterns, before, **settings)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    taken = [records.feed(piece) for piece in pieces]
    cursors = [one.cursor for one in taken if one.cursor is not None]
    return (
        b"".join(one.lines for one in taken),
        cursors[-1] if cursors else None,
        sum(one.too_long for one in taken),
        any(one.has_gap for one in taken),
        sum(one.read_bytes for one in taken),
    )


A, B, C = record(1, "a"), record(2, "b", unit="other.service"), record(3, "c")
ODD = record(4, [71, 69, 84, 255])
NULL = record(5, None)


@pytest.mark.parametrize("step", [None, 1, 50], ids=["whole", "byte by byte", "in fifties"])
@pytest.mark.parametrize(
    ("stream", "settings", "want"),
    [
        pytest.param(A + B + C, {}, (A + B + C, cursor(C), 0, False), id="all"),
        pytest.param(A + ODD, {}, (A + ODD, cursor(ODD), 0, False), id="bytes as a list of numbers"),
        pytest.param(A + NULL, {}, (A, cursor(NULL), 1, False), id="a message that journalctl left out"),
        pytest.param(A + B + C, {"patterns": ("nginx*",)}, (A + C, cursor(C), 0, False), id="a pattern"),
        pytest.param(A + B, {"patterns": ("nginx*",)}, (A, cursor(B), 0, False), id="what is not wanted moves us too"),
        pytest.param(A + C, {"before": cursor(A), "is_shown": True}, (C, cursor(C), 0, False), id="read before"),
        pytest.param(A + C, {"before": cursor(A)}, (C, cursor(C), 0, False), id="read before, unsure"),
        pytest.param(C, {"before": cursor(A), "is_shown": True}, (C, cursor(C), 0, True), id="the journal was cut"),
        pytest.param(C, {"before": cursor(A)}, (C, cursor(C), 0, False), id="not shown with these conditions"),
        pytest.param(A + C[:-1], {}, (A, cursor(A), 0, False), id="half a record"),
        pytest.param(A + b"x" * 2000 + b"\n" + C, {"limit": 1000}, (A + C, cursor(C), 1, False), id="too long"),
        pytest.param(b"-- No entries --\n", {}, (b"", None, 0, False), id="no entries"),
        pytest.param(A + b"nonsense\n", {}, (A + b"nonsense\n", cursor(A), 0, False), id="what is no record is a line"),
    ],
)
def test_output_becomes_records(stream, settings, want, step):
    *got, read_bytes = fed(stream, step=step, **settings)
    assert tuple(got) == want
    assert read_bytes == stream.rfind(b"\n") + 1


def test_a_record_is_the_same_wherever_the_journal_has_it():
    assert is_same("s=1;i=a;b=1;m=2;t=3;x=4", "s=2;i=b;b=1;m=2;t=3;x=4")
    assert not is_same("s=1;i=a;b=1;m=2;t=3;x=4", "s=1;i=a;b=1;m=2;t=3;x=5")
    assert not is_same("s=1;i=a", "s=2;i=a")


def test_units_are_conditions_and_patterns_are_looked_at_here():
    exact = Journal(units=("nginx", "a@1.service"), matches=("PRIORITY=6",))
    assert exact.arguments() == ["_SYSTEMD_UNIT=nginx.service", "_SYSTEMD_UNIT=a@1.service", "PRIORITY=6"]
    assert exact.patterns == ()
    one = Journal(units=("a@*", "b.scope"), matches=("PRIORITY=6",))
    assert (one.arguments(), one.patterns) == (["PRIORITY=6"], ("a@*.service", "b.scope"))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("{}", "nothing to read: expected units, for example units: [nginx.service]"),
        ("{units: ['a b']}", "$.units[0]: expected the name of a unit"),
        ("{matches: [x]}", "$.matches[0]: expected FIELD=VALUE, as journalctl takes it"),
        ("{matches: ['--output=cat']}", "$.matches[0]: expected FIELD=VALUE"),
        ("{units: ['--file=/x']}", "$.units[0]: expected the name of a unit"),
    ],
)
def test_what_cannot_be_is_refused(text, want):
    with pytest.raises(ConfigError) as refused:
        parse_config(text, Journal)
    assert want in str(refused.value)
