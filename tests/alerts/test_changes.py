"""A change is reported once, though Alertmanager repeats what it sent, and sends groups whole."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.changes import Changes, Filter
from alerts.notifications import Alert

NOW = datetime(2026, 11, 22, 6, 40, tzinfo=UTC)


def alert(name="A", status="firing", start_s=0, summary="", **labels):
    start = NOW + timedelta(seconds=start_s)
    return Alert(
        status=status,
        starts_at=start,
        ends_at=start,
        labels={"alertname": name, **labels},
        annotations={"summary": summary},
    )


def taken(changes, *alerts):
    return [changes.take(one, NOW + timedelta(seconds=number)) for number, one in enumerate(alerts)]


def test_a_change_is_one_of_state_or_a_later_start_and_not_of_values():
    told = [
        (alert(), True),
        (alert(), False),
        (alert(summary="another value"), False),
        (alert(code="500"), True),
        (alert(status="resolved"), True),
        (alert(status="resolved", summary="x"), False),
        (alert(), True),
        (alert(start_s=-5), False),
        (alert(start_s=60), True),
        (alert(status="resolved", start_s=60), True),
        (alert(status="resolved", start_s=90), True),
    ]
    assert taken(Changes(), *(one for one, _ in told)) == [change for _, change in told]


def test_a_repeat_keeps_the_time_of_the_change_and_brings_the_newest_text():
    changes = Changes()
    taken(changes, alert(summary="1"), alert("B"), alert(summary="2"))
    b, a = changes
    assert (a.alert.summary, a.changed_at, a.told_at) == ("2", NOW, NOW + timedelta(seconds=2))
    assert b.alert.name == "B"


TOLD = st.tuples(st.sampled_from("ABC"), st.sampled_from(["firing", "resolved"]), st.integers(0, 2))


@given(st.lists(TOLD, max_size=30))
def test_nothing_is_said_twice_in_a_row(told):
    """Of one alert, two changes that follow each other differ in their state or in their start."""
    changes, said = Changes(), {}
    for name, status, start_s in told:
        one = alert(name, status, start_s)
        if changes.take(one, NOW):
            assert said.get(name) != (status, start_s)
            said[name] = (status, start_s)
    assert {known.alert.name: known.alert.status for known in changes} == {name: status for name, status, _ in told}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 40))), st.integers(1, 5), st.integers(300, 900)
)
def test_memory_is_bounded_and_keeps_what_was_just_received(told, kept, kept_bytes):
    changes = Changes(kept=kept, kept_bytes=kept_bytes)
    for number, (name, firing, length) in enumerate(told):
        one = alert(str(name), "firing" if firing else "resolved", number // 3, "x" * length)
        changes.take(one, NOW)
        known = list(changes)
        assert one in [one.alert for one in known]
        assert len(changes) <= kept
        assert sum(len(msgspec.json.encode(one.alert)) for one in known) <= kept_bytes or len(changes) == 1


@pytest.mark.parametrize(("start_s", "change"), [(-1, True), (0, False), (9, False)])
def test_the_end_of_what_never_fired_here_is_a_change_only_if_it_began_before(start_s, change):
    """A mute hid it from us; or it was received by a program that ran before this one."""
    changes = Changes(NOW)
    assert taken(changes, alert(status="resolved", start_s=start_s), alert(start_s=99)) == [change, True]
    assert len(changes) == 1


def test_resolved_alerts_are_forgotten_before_firing_ones():
    changes = Changes(kept=2)
    taken(changes, alert("Fires"), alert("Over", "resolved"), alert("New"))
    assert [known.alert.name for known in changes] == ["New", "Fires"]


@pytest.mark.parametrize(
    ("asked", "want", "words"),
    [
        ({}, True, ""),
        ({"severity": ("page", "ticket")}, True, "severity page or ticket"),
        ({"severity": ("ticket",)}, False, "severity ticket"),
        ({"alert": ("Site*",), "source": ("sho?",)}, True, "alert Site*, source sho?"),
        ({"alert": ("site*",)}, False, "alert site*"),
        ({"state": ("resolved",)}, False, "state resolved"),
    ],
)
def test_a_filter_takes_what_matches_one_pattern_of_each_kind(asked, want, words):
    one = alert("SiteDown", severity="page", source="shop")
    assert (Filter(**asked)(one), str(Filter(**asked))) == (want, words)
