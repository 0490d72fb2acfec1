"""What is on disk, put piece by piece, is the whole state: after every commit, lost ones included."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.checkpoint import Changes
from exporter.releases.compare.settings import Settings
from exporter.releases.ingest.answers import KEYS_REMEMBERED, Answer, Answers
from exporter.releases.pieces import Pieces, restore
from exporter.releases.state import OTHER_CODE, Limits, StreamState
from exporter.releases.stream import Stream

LIMITS = Limits(lateness_s=30, max_codes=40)
TAKE = st.tuples(
    st.dictionaries(
        st.tuples(st.integers(0, 200), st.sampled_from(["5.1", "5.2"]), st.sampled_from("0123")),
        st.integers(1, 20),
        max_size=8,
    ),
    st.sampled_from(["none", "written", "lost", "lost with what was there", "restart"]),
)


def make(state=None):
    return Stream(Settings(), LIMITS, state=state)


def whole(stream):
    """All that outlives a restart, written and read."""
    state = msgspec.structs.replace(stream.state, detectors=stream.memory())
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=StreamState)


@given(st.lists(TAKE, max_size=30))
def test_pieces_make_the_whole(steps):
    disk, pending, everything = {}, Changes({}), False
    stream = make()
    pieces = Pieces(stream)
    for counts, then in [*steps, ({}, "written")]:
        stream.take(counts)
        if then == "none":
            continue
        puts, gone = pieces.changes(everything=everything)
        pending = pending.then(Changes(puts, frozenset(gone), everything=everything))
        everything = then == "lost with what was there"
        if then.startswith("lost"):
            disk = {} if everything else disk
            continue
        kept = {} if pending.everything else {key: disk[key] for key in disk.keys() - pending.deletes}
        disk, pending = kept | dict(pending.puts), Changes({})
        restored = restore(disk, make)
        assert (whole(restored.stream), restored.unreadable) == (whole(stream), {})
        if then == "restart":
            stream = restored.stream
            pieces = Pieces(stream, disk)


def test_a_commit_puts_the_seconds_that_changed_and_no_others():
    stream = make()
    pieces = Pieces(stream)
    stream.take({(second, "5.1", "3"): 1 for second in range(100, 120)})
    assert len(pieces.changes()[0]) == 20 + 2  # no bin is closed
    stream.take({(119, "5.1", "3"): 1})
    assert pieces.changes()[0].keys() == {"stream", "second/119"}
    stream.take({(141, "5.1", "3"): 1})
    puts, gone = pieces.changes()
    assert puts.keys() == {"stream", "judged", "second/141"}
    assert sorted(gone) == [f"second/{second}" for second in range(100, 110)]


BINS = {f"bin/{start_s}" for start_s in range(0, 60, 10)}
DAMAGE = {
    "stream": ({"stream", "judged", "second/118", "second/119"} | BINS, 0),
    "judged": ({"judged"}, 120),
    "second/119": ({"second/119"}, 120),
    "bin/50": ({"bin/50"}, 120),
}


@pytest.mark.parametrize("key", DAMAGE)
@pytest.mark.parametrize("how", ["no-msgpack", "another-type", "absent"])
def test_what_cannot_be_read_begins_anew_and_all_else_goes_on(key, how):
    stream = make()
    stream.take({(second, build, "3"): 1 for second in range(60) for build in ("5.1", "5.2")})
    stream.flush()
    stream.state.open |= {118: {"5.1": {"3": 1}}, 119: {"5.1": {"3": 1}}}
    disk = Pieces(stream).changes(everything=True)[0]
    damage = {"no-msgpack": b"\xc1", "another-type": msgspec.msgpack.encode(["of another", "release"])}
    saved = disk | {key: damage[how]} if how != "absent" else {one: disk[one] for one in disk.keys() - {key}}
    restored = restore(saved, make)
    unreadable, accepted = DAMAGE[key]
    if how == "absent":
        unreadable = unreadable - {key} if key == "stream" else set()
    assert (restored.unreadable.keys(), restored.stream.state.accepted) == (unreadable, accepted)
    remembered = {f"bin/{start_s}" for start_s in restored.stream.state.history}
    assert remembered == (set() if key in {"stream", "judged"} else BINS - {key})
    restored.stream.take({(300, "5.1", "3"): 1, (300, "5.2", "3"): 1})  # it can go on
    assert restored.stream.state.accepted == accepted + 2


def test_detectors_of_another_release_begin_anew():
    stream = make()
    stream.take({(second, build, "3"): 1 for second in range(60) for build in ("5.1", "5.2")})
    stream.flush()
    saved = Pieces(stream).changes()[0]
    saved["judged"] = saved["judged"].replace(b"totals", b"tokens")
    restored = restore(saved, make)
    assert restored.unreadable == {"judged": "KeyError: 'totals'"}
    assert restored.stream.state.totals == stream.state.totals
    detector: Any = restored.stream.detectors("5.2")[1]
    assert detector.totals.size == 0


def test_keys_are_forgotten_in_the_order_in_which_they_came_also_after_a_restart(monkeypatch):
    monkeypatch.setattr("exporter.releases.ingest.answers.KEYS_REMEMBERED", 3)
    answers = Answers()
    for n in (8, 9, 10):
        answers.add(f"batch-{n}", 0, Answer(n, 0, 0, []))
    disk = dict(sorted(answers.changes()[0].items()))  # as a database gives them back
    answers = Answers(disk)
    answers.add("batch-11", 0, Answer(11, 0, 0, []))
    assert answers.changes()[1] == ["key/batch-8"]
    assert answers.get("batch-10").answer == Answer(10, 0, 0, [])


def test_the_oldest_keys_are_forgotten_and_all_others_can_be_put_again():
    answers = Answers()
    for n in range(KEYS_REMEMBERED + 2):
        answers.add(str(n), 0, Answer(n, 0, 0, []))
    puts, gone = answers.changes()
    assert (len(puts), gone, answers.get("1")) == (KEYS_REMEMBERED, ["key/0", "key/1"], None)
    assert answers.changes() == ({}, [])
    assert answers.changes(everything=True) == (puts, [])
    assert Answers(puts).get("2").answer == Answer(2, 0, 0, [])


def test_an_answer_that_cannot_be_read_is_forgotten_and_the_others_are_not():
    answers = Answers()
    for n in range(3):
        answers.add(str(n), 0, Answer(n, 0, 0, []))
    answers = Answers(answers.changes()[0] | {"key/1": b"\xc1", "stream": b"\xc1"})
    assert answers.unreadable.keys() == {"key/1"}
    assert [answers.get(str(n)) is not None for n in range(3)] == [True, False, True]


def as_numbers(value):
    """What an exporter kept whose codes were whole numbers."""
    if isinstance(value, dict):
        named = {
            k: int(v) if k == "code" else list(map(int, v)) if k == "codes" else as_numbers(v) for k, v in value.items()
        }
        return {as_number(key): member for key, member in named.items()}
    return [as_numbers(one) for one in value] if isinstance(value, list) else value


def as_number(key):
    if isinstance(key, tuple):
        return tuple(map(as_number, key))
    return 1_000_000_000 if key == "" else int(key) if key in {"0", "3"} else key


def test_counts_that_were_kept_with_whole_numbers_for_codes_go_on():
    stream = make()
    stream.take({(second, build, "3"): 9 if build == "5.2" else 3 for second in range(99) for build in ("5.1", "5.2")})
    stream.take({(120, "5.1", "0"): 1})
    stream.state.totals["5.1"][OTHER_CODE] = 7
    assert stream.state.transitions
    disk = Pieces(stream).changes(everything=True)[0]
    old = {key: msgspec.msgpack.encode(as_numbers(msgspec.msgpack.decode(value))) for key, value in disk.items()}
    restored = restore(old, make)
    assert (whole(restored.stream), restored.unreadable) == (whole(restore(disk, make).stream), {})
    assert old != disk


def test_remembered_bins_are_in_the_order_of_time_after_a_restart():
    """A database has them by the letters of their keys: bin/1000 before bin/90."""
    stream = make()
    stream.take({(second, build, "3"): 1 for second in range(0, 1200, 5) for build in ("5.1", "5.2")})
    stream.flush()
    disk = dict(sorted(Pieces(stream).changes()[0].items()))
    assert list(restore(disk, make).stream.state.history) == list(range(0, 1200, 10))
