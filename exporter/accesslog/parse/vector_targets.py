"""Numbers of targets by their bytes, for many lines at once, kept from chunk to chunk.

A target is known by two sums of its bytes, each of 64 bits, with factors drawn anew by each process (multilinear
hashing; Lemire and Kaser 2014). Two different targets have the same sums with a chance below 2^-66, whoever chose them,
because the factors are secret.
"""

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from exporter.accesslog.parse import vector_words
from exporter.accesslog.parse.vector_words import BYTES, Buffer, Places, Which, Words

_WORDS = 32
MOST_BYTES = _WORDS * BYTES
"""Longer targets are not plain."""
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_FACTORS: Words = np.frombuffer(os.urandom(8 * 4 * (_WORDS + 1)), "<u8").reshape(-1, 4)
_SLOTS = 1 << 12  # at first
_FREE = -1


class Sums:
    """Of targets: the two sums, and how long each is in bytes."""

    def __init__(self, one: Words, two: Words, sizes: Places) -> None:
        """Arrays of one length."""
        self.one, self.two, self.sizes = one, two, sizes

    def take(self, which: Places) -> "Sums":
        """Those of some."""
        return Sums(self.one.take(which), self.two.take(which), self.sizes.take(which))


def sums(buffer: Buffer, starts: Places, ends: Sequence[int]) -> tuple[Sums, Which]:
    """The sums of the texts that begin there, each up to the first of the bytes `ends`, and where that came in time."""
    one, two, sizes, goes_on = _add(buffer.words[starts], 0, ends)
    rows = np.flatnonzero(goes_on)
    at = starts.take(rows)
    for number in range(1, _WORDS):
        if not len(rows):
            break
        more_one, more_two, more_sizes, goes_on = _add(buffer.words[number * BYTES :][at], number, ends)
        one[rows] += more_one
        two[rows] += more_two
        sizes[rows] += more_sizes
        left = np.flatnonzero(goes_on)
        rows, at = rows.take(left), at.take(left)
    in_time = np.ones(len(starts), np.bool_)
    in_time[rows] = False
    one += sizes.astype(np.uint64) * _FACTORS[-1, 0]
    two += sizes.astype(np.uint64) * _FACTORS[-1, 1]
    return Sums(one, two, sizes), in_time


def sums_between(buffer: Buffer, starts: Places, ends: Places) -> tuple[Sums, Which]:
    """The same of texts whose ends are known, at half of the work; and which are not too long."""
    sizes = ends - starts
    one = sizes.astype(np.uint64) * _FACTORS[-1, 0]
    two = sizes.astype(np.uint64) * _FACTORS[-1, 1]
    rows: Places | None = None  # all
    for number in range(min(_WORDS, (int(sizes.max(initial=0)) + BYTES - 1) // BYTES)):
        left = (sizes if rows is None else sizes.take(rows)) - number * BYTES
        if rows is not None or int(left.min(initial=1)) <= 0:
            is_left = left > 0
            rows = np.flatnonzero(is_left) if rows is None else rows[is_left]
            left = left[is_left]
        at = starts if rows is None else starts.take(rows)
        kept = buffer.words[at + number * BYTES] & vector_words.below(left)
        low, high = kept & _LOW, kept >> _HALF
        factors = _FACTORS[number]
        more_one, more_two = low * factors[0] + high * factors[1], low * factors[2] + high * factors[3]
        if rows is None:
            one += more_one
            two += more_two
        else:
            one[rows] += more_one
            two[rows] += more_two
    return Sums(one, two, sizes), sizes <= MOST_BYTES


def _add(words: Words, number: int, ends: Sequence[int]) -> tuple[Words, Words, Places, Which]:
    """What the words with this number add: to both sums, and to the size; and which are not the last."""
    end = vector_words.first_of(words, *ends)
    mask = vector_words.before(end)
    kept = words & mask
    low, high = kept & _LOW, kept >> _HALF
    factors = _FACTORS[number]
    return low * factors[0] + high * factors[1], low * factors[2] + high * factors[3], vector_words.size(mask), end == 0


class Targets:
    """Numbers of targets, from 0 on, by their sums: open addressing, where a full slot leads to the next."""

    def __init__(self) -> None:
        self.count = 0
        self._clear(_SLOTS)

    def _clear(self, slots: int) -> None:
        self._mask = slots - 1
        self._shift = np.uint64(64 - self._mask.bit_length())  # the upper bits of a sum depend on all of its bytes
        self._one, self._two = np.zeros((2, slots), np.uint64)
        self._numbers = np.full(slots, _FREE, np.intp)
        self._sums = np.empty((2, slots // 2), np.uint64)

    def find(self, some: Sums) -> Places:
        """The number of each; less than 0 for those that are not known."""
        slots = (some.one >> self._shift).view(np.intp)
        found = self._numbers.take(slots)
        other = (self._one.take(slots) != some.one) | (self._two.take(slots) != some.two)
        rows = np.flatnonzero(other & (found != _FREE))
        while len(rows):
            slots[rows] = (slots.take(rows) + 1) & self._mask
            at = slots.take(rows)
            found[rows] = numbers = self._numbers.take(at)
            other = (self._one.take(at) != some.one.take(rows)) | (self._two.take(at) != some.two.take(rows))
            rows = rows[other & (numbers != _FREE)]
        return found

    def add(self, some: Sums) -> None:
        """Give numbers to targets, none of which is known, and all of which differ, in their order."""
        before, self.count = self.count, self.count + len(some.one)
        if self.count > self._sums.shape[1]:
            known = self._sums[:, :before].copy()
            slots = len(self._numbers)
            while slots // 2 < self.count:
                slots *= 2
            self._clear(slots)
            self._sums[:, :before] = known
            self._place(known[0], known[1], np.arange(before))
        self._sums[:, before : self.count] = some.one, some.two
        self._place(some.one, some.two, np.arange(before, self.count))

    def keep(self, which: Places) -> None:
        """Forget all others; these get new numbers in their order."""
        kept = self._sums.take(which, axis=1)
        self.count = 0
        self._clear(_SLOTS)
        self.add(Sums(kept[0], kept[1], np.zeros(0, np.intp)))

    def _place(self, one: Words, two: Words, numbers: npt.NDArray[np.intp]) -> None:
        slots = (one >> self._shift).view(np.intp)
        rows = np.arange(len(one))
        while len(rows):
            free = rows[self._numbers.take(slots.take(rows)) == _FREE]
            at = slots.take(free)
            self._numbers[at] = numbers.take(free)  # of several at one slot the last one stays
            stays = free[self._numbers.take(at) == numbers.take(free)]
            at = slots.take(stays)
            self._one[at], self._two[at] = one.take(stays), two.take(stays)
            is_left = np.ones(len(one), np.bool_)
            is_left[stays] = False
            rows = rows[is_left.take(rows)]
            slots[rows] = (slots.take(rows) + 1) & self._mask
