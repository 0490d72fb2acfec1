"""What is on disk, put piece by piece, is the whole state: after every commit, lost ones included."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.releases.compare.settings import Settings
from exporter.releases.ingest.answers import KEYS_REMEMBERED, Answer, Answers
from exporter.releases.keeping import Keeper, read_state
from exporter.releases.state import Limits, Stream, StreamState

LIMITS = Limits(lateness_s=30, max_codes=40)
TAKE = st.tuples(
    st.dictionaries(
        st.tuples(st.integers(0, 200), st.sampled_from(["5.1", "5.2"]), st.integers(0, 3)),
        st.integers(1, 20),
        max_size=8,
    ),
    st.sampled_from(["none", "written", "lost", "lost with what was there", "restart"]),
)


def write(disk, puts, gone):
    for key in gone:
        disk.pop(key, None)
    disk.update(puts)


def whole(stream):
    """All that outlives a restart, written and read."""
    state = msgspec.structs.replace(stream.state, detectors=stream.memory())
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=StreamState)


@given(st.lists(TAKE, max_size=30))
def test_pieces_make_the_whole(steps):
    disk = {}
    stream = Stream(Settings(), LIMITS)
    keeper = Keeper(stream, disk)
    for counts, then in [*steps, ({}, "written")]:
        stream.take(counts)
        if then == "none":
            continue
        puts, gone = keeper.changes()
        if then.startswith("lost"):
            disk = {} if then != "lost" else disk
            keeper.not_written(gone)
            continue
        write(disk, puts, gone)
        assert read_state(disk) == whole(stream)
        if then == "restart":
            stream = Stream(Settings(), LIMITS, state=read_state(disk))
            keeper = Keeper(stream, disk)


def test_a_commit_puts_the_seconds_that_changed_and_no_others():
    stream = Stream(Settings(), LIMITS)
    keeper = Keeper(stream, {})
    stream.take({(second, "5.1", 3): 1 for second in range(100, 120)})
    assert len(keeper.changes()[0]) == 20 + 2
    stream.take({(119, "5.1", 3): 1})
    assert keeper.changes()[0].keys() == {"stream", "second/119"}
    stream.take({(141, "5.1", 3): 1})
    puts, gone = keeper.changes()
    assert puts.keys() == {"stream", "judged", "second/141"}
    assert sorted(gone) == [f"second/{second}" for second in range(100, 110)]


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


def test_the_oldest_keys_are_forgotten_and_what_the_disk_did_not_take_is_put_again():
    answers = Answers()
    for n in range(KEYS_REMEMBERED + 2):
        answers.add(str(n), 0, Answer(n, 0, 0, []))
    puts, gone = answers.changes()
    assert (len(puts), gone, answers.get("1")) == (KEYS_REMEMBERED, ["key/0", "key/1"], None)
    answers.not_written(gone)
    assert answers.changes() == (puts, gone)
    assert Answers(puts).get("2").answer == Answer(2, 0, 0, [])
