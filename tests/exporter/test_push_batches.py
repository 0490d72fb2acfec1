"""The queue of a receiver: its bounds hold, its order is kept, and every sample is accounted for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporter.push.batches import REASONS, Batch, Batches, Limits

LIMITS = Limits(samples=10, bytes=100, age_s=60.0)


def batch(samples=1, size=1, at_s=0.0):
    return Batch(b"x" * size, samples, at_s)


def taken(queue, now_s=0.0):
    """Everything that waits, in order; all of it is sent."""
    found = []
    while one := queue.take(now_s):
        found.append(one)
        queue.was_sent()
    return found


@pytest.mark.parametrize(
    ("batches", "now_s", "kept", "dropped"),
    [
        ([batch(4), batch(4), batch(4)], 0.0, [1, 2], {"max_samples": 4}),
        ([batch(1, 60), batch(2, 40), batch(3, 1)], 0.0, [1, 2], {"max_bytes": 1}),
        ([batch(1, at_s=0.0), batch(2, at_s=1.0)], 60.0, [0, 1], {}),
        ([batch(1, at_s=0.0), batch(2, at_s=1.0)], 60.5, [1], {"max_age": 1}),
        ([batch(11)], 0.0, [], {"max_samples": 11}),
        ([batch(1, 101)], 0.0, [], {"max_bytes": 1}),
    ],
    ids=["samples", "bytes", "not yet old", "old", "larger than the queue", "longer than the queue"],
)
def test_the_oldest_goes_beyond_each_limit(batches, now_s, kept, dropped):
    queue = Batches(LIMITS)
    for one in batches:
        queue.put(one, one.collected_s)
    assert taken(queue, now_s) == [batches[index] for index in kept]
    assert {reason: count for reason, count in queue.dropped.items() if count} == dropped


def test_what_is_given_back_is_the_next_again_and_what_is_being_sent_counts():
    queue = Batches(LIMITS)
    first, second = batch(6, 10, at_s=1.0), batch(3, 20, at_s=2.0)
    queue.put(first, 1.0)
    queue.put(second, 2.0)
    assert queue.take(2.0) is first
    assert (queue.samples, queue.bytes, queue.oldest_s()) == (9, 30, 1.0)
    queue.put(batch(4), 3.0)  # 13 samples: the oldest goes that is not being sent
    assert (queue.samples, queue.dropped["max_samples"]) == (10, 3)
    queue.give_back()
    assert queue.oldest_s() == 1.0


def test_a_part_that_is_rejected_counts_and_never_more_than_there_was():
    queue = Batches(LIMITS)
    for rejected, sent, dropped in [(2, 3, 2), (7, 3, 7), (-1, 8, 7)]:
        queue.put(batch(5), 0.0)
        queue.take(0.0)
        queue.was_sent(rejected)
        assert (queue.sent, queue.dropped["rejected"]) == (sent, dropped)


def test_all_that_waits_is_dropped_at_the_end():
    queue = Batches(LIMITS)
    queue.put(batch(2), 0.0)
    queue.put(batch(3), 0.0)
    assert (queue.drop_all("stopped"), queue.samples, queue.bytes, queue.dropped["stopped"]) == (5, 0, 0, 5)


class Laws(RuleBasedStateMachine):
    """Any order of events, against lists that are never cut."""

    def __init__(self):
        super().__init__()
        self.queue = Batches(LIMITS)
        self.now_s = 0.0
        self.put_in, self.sent = [], []
        self.sending = None

    @rule(samples=st.integers(1, 12), size=st.integers(1, 120), later_s=st.sampled_from([0.0, 1.0, 30.0, 61.0]))
    def put(self, samples, size, later_s):
        self.now_s += later_s
        self.put_in.append(batch(samples, size, self.now_s))
        self.queue.put(self.put_in[-1], self.now_s)

    @rule()
    def take(self):
        if self.sending is None:
            self.sending = self.queue.take(self.now_s)

    @rule(end=st.sampled_from(["sent", "rejected", "back"]))
    def settle(self, end):
        if self.sending is not None:
            if end == "sent":
                self.queue.was_sent()
                self.sent.append(self.sending)
            else:
                (self.queue.was_rejected if end == "rejected" else self.queue.give_back)()
            self.sending = None

    @rule(samples=st.integers(0, 5), reason=st.sampled_from(["clock", "duplicate"]))
    def refuse(self, samples, reason):
        self.queue.refuse(samples, reason)

    @invariant()
    def every_sample_is_sent_dropped_or_waits(self):
        assert self.queue.taken == self.queue.sent + self.queue.dropped.total() + self.queue.samples
        assert self.queue.sent == sum(one.samples for one in self.sent)
        assert set(self.queue.dropped) == set(REASONS)

    @invariant()
    def no_more_waits_than_allowed(self):
        assert 0 <= self.queue.samples <= LIMITS.samples
        assert 0 <= self.queue.bytes <= LIMITS.bytes

    @invariant()
    def what_was_sent_is_in_order_and_once(self):
        places = [next(n for n, one in enumerate(self.put_in) if one is sent) for sent in self.sent]
        assert places == sorted(set(places))


test_laws = Laws.TestCase


@given(sizes=st.lists(st.integers(1, 10), max_size=20))
def test_what_fits_is_never_dropped(sizes):
    queue = Batches(Limits(sum(sizes), sum(sizes), 1.0))
    batches = [batch(size, size) for size in sizes]
    for one in batches:
        queue.put(one, 0.0)
    assert taken(queue) == batches
    assert queue.dropped.total() == 0
