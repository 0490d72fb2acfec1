"""Collections are due at start + n x interval, a failed one writes no row, and each streak is told once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.collector.schedule import Collecting, Outcome, make_row, next_number
from foundation.errors import BadRecord, SourceError, StoreError

COLUMNS = ("time", "200", "404", "500")


class World:
    """A clock that moves when somebody waits, a page that takes time, and a disk."""

    def __init__(self, *, took_s=(), failing=(), full=(), wall_s=1795328990.4):
        self.now_s, self.wall_offset_s = 50.0, wall_s - 50.0
        self.took_s, self.failing, self.full = dict(took_s), set(failing), set(full)
        self.asked_s, self.rows, self.said = [], [], []

    def monotonic(self):
        return self.now_s

    def wall(self):
        return self.now_s + self.wall_offset_s

    def wait(self, timeout):
        self.now_s += timeout
        return False

    def read(self):
        number = len(self.asked_s)
        self.asked_s.append(self.now_s)
        self.now_s += self.took_s.get(number, 0.01)
        if number in self.failing:
            raise SourceError("answered 500 instead of 200")
        return {"200s": 10 * number, "404s": number, "500s": 0}

    def append(self, row):
        self.rows.append(row)
        if len(self.rows) in self.full:
            raise StoreError("stats.tsv: No space left on device")

    def collect(self, *, interval_s=10.0, duration_s=60.0):
        collecting = Collecting(
            self.read,
            self,
            COLUMNS,
            interval_s=interval_s,
            duration_s=duration_s,
            say=self.said.append,
            wall=self.wall,
            monotonic=self.monotonic,
        )
        return collecting.run(self)


def test_rows_begin_on_a_whole_second_and_keep_the_interval():
    world = World()
    assert world.collect(duration_s=30.0) == Outcome(rows=4, failed=0, missed=0)
    assert world.rows == ["1795328991\t0\t0\t0", "1795329001\t10\t1\t0", "1795329011\t20\t2\t0", "1795329021\t30\t3\t0"]


def test_a_slow_page_does_not_shift_what_follows():
    world = World(took_s={1: 7.5})
    world.collect()
    assert [round(asked_s - world.asked_s[0], 6) for asked_s in world.asked_s] == [0, 10, 20, 30, 40, 50, 60]


def test_what_fell_due_during_a_collection_is_missed_and_counted():
    world = World(took_s={1: 25.0})
    assert world.collect() == Outcome(rows=5, failed=0, missed=2)
    assert [round(asked_s - world.asked_s[0], 6) for asked_s in world.asked_s] == [0, 10, 40, 50, 60]


def test_a_failed_collection_writes_no_row_and_a_streak_is_told_once():
    world = World(failing={1, 2, 3, 5})
    assert world.collect() == Outcome(rows=3, failed=4, missed=0)
    assert world.said == [
        "no row: answered 500 instead of 200; trying again every 10 s",
        "collecting again after 3 failed",
        "no row: answered 500 instead of 200; trying again every 10 s",
        "collecting again after 1 failed",
    ]


def test_a_full_disk_is_told_once_and_the_run_goes_on():
    world = World(full={2, 3})
    assert world.collect() == Outcome(rows=7, failed=0, missed=0)
    assert world.said == [
        "stats.tsv: No space left on device; rows are kept until it can be written",
        "the kept rows are written",
    ]


def test_intervals_below_a_second_have_fractions_in_the_time():
    world = World(wall_s=1795328990.125)
    world.collect(interval_s=0.25, duration_s=0.5)
    assert [row.split("\t")[0] for row in world.rows] == ["1795328990.125", "1795328990.375", "1795328990.625"]


def test_the_end_counts_whatever_binary_digits_say():
    assert World().collect(interval_s=0.1, duration_s=0.3) == Outcome(rows=4, failed=0, missed=0)
    assert World(took_s={1: 5.0}).collect(interval_s=0.1, duration_s=0.3) == Outcome(rows=2, failed=0, missed=2)


def test_a_signal_ends_the_run_before_the_next_collection():
    world = World()
    world.wait = lambda timeout: len(world.asked_s) == 2
    assert world.collect() == Outcome(rows=2, failed=0, missed=0)


@given(st.floats(0, 1e6), st.floats(0.01, 1e4))
def test_the_next_collection_is_the_first_not_in_the_past(elapsed_s, interval_s):
    number = next_number(elapsed_s, interval_s)
    assert number * interval_s >= elapsed_s
    assert (number - 1) * interval_s < elapsed_s or number == 0


@pytest.mark.parametrize(
    ("stats", "columns", "want"),
    [
        ({"500s": 1, "404s": 2, "200s": 3}, COLUMNS, "5\t3\t2\t1"),
        ({"500s": 1, "404s": 2, "200s": 3}, ("time", "500", "200", "404"), "5\t1\t3\t2"),
        ({"200s": 3, "queue": 2.5}, ("time", "200", "429", "queue"), "5\t3\t0\t2.5"),
        ({"queue": 2}, ("queue", "time"), "2\t5"),
        ({"200": 3}, ("time", "200"), "5\t3"),
    ],
    ids=["order-of-the-page", "order-of-the-row", "other-names", "no-codes-asked", "plain-names"],
)
def test_a_row_by_example(stats, columns, want):
    assert make_row(stats, columns, "5") == want


@pytest.mark.parametrize(
    ("stats", "reason"), [({"queue": 2}, "no_code"), ({"200s": -2}, "not_a_count"), ({"200s": 1}, "missing")]
)
def test_a_row_that_cannot_be_made_says_why(stats, reason):
    with pytest.raises(BadRecord) as caught:
        make_row(stats, ("time", "200", "queue"), "5")
    assert caught.value.reason == reason
