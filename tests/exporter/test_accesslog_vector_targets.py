"""Targets keep their numbers, whatever their sums are."""

import numpy as np
import pytest

from exporter.accesslog.parse.vector_targets import MOST_BYTES, Sums, Targets, sums
from exporter.accesslog.parse.vector_words import FRONT, Buffer


@pytest.mark.parametrize("count", [1, 3, 5000])
def test_targets_keep_their_numbers(count):
    draw = np.random.default_rng(count)
    targets = Targets()
    some = []
    for _ in range(3):
        one, two = draw.integers(0, 1 << 63, (2, count)).astype(np.uint64) * np.uint64(2)
        some.append(Sums(one, two, np.zeros(count, np.intp)))
        assert (targets.find(some[-1]) < 0).all()
        targets.add(some[-1])
    for number, one in enumerate(some):
        assert targets.find(one).tolist() == list(range(number * count, (number + 1) * count))
    targets.keep(np.arange(count, 2 * count))
    assert targets.find(some[1]).tolist() == list(range(count))
    assert (targets.find(some[0]) < 0).all()


def test_targets_whose_first_sums_are_the_same_differ():
    targets = Targets()
    same = np.full(4, 7, np.uint64)
    sums = Sums(same, np.arange(4, dtype=np.uint64), np.zeros(4, np.intp))
    targets.add(sums)
    assert targets.find(sums).tolist() == [0, 1, 2, 3]
    assert targets.find(Sums(same[:1], same[:1], np.zeros(1, np.intp))).tolist() == [-1]


def test_texts_have_the_same_sums_if_they_are_the_same():
    texts = [
        b"/a",
        b"/a\0",
        b"/b",
        b"/a",
        b"",
        b"/" + b"x" * 8,
        b"/" + b"x" * 7,
        b"/a",
        b"y" * MOST_BYTES,
        b"y" * (MOST_BYTES - 1),
    ]
    buffer = Buffer(4000)
    buffer.put(memoryview(b"?".join(texts) + b"?"))
    sizes = np.array([len(text) for text in texts])
    found, in_time = sums(buffer, FRONT + np.cumsum(sizes + 1) - sizes - 1, [ord("?"), ord(" ")])
    assert in_time.tolist() == [len(text) < MOST_BYTES for text in texts]
    assert found.sizes.tolist() == sizes.tolist()
    by_sums = {(one, two): text for one, two, text in zip(found.one.tolist(), found.two.tolist(), texts, strict=True)}
    assert sorted(by_sums.values()) == sorted(set(texts))
