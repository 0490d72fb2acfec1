"""The fields of a million lines as arrays, many at once: finds equal ones, reads clock times.

A piece of up to 64 bytes is read as up to eight machine words. Equal pieces get the same slot of a hash table, which is
an array too; pieces in one slot are compared word by word, and different ones go to another table. So the result is
exact, whatever the hash. Pure.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = list[NDArray[np.uint64]]

MAX_BYTES = 64
PADDING = bytes(MAX_BYTES)
"""Must follow the text in its buffer: a word is read whole, also where its piece ends early."""

BAD = -1
"""In place of an invalid time."""

_COLON = ord(":") - ord("0")
_KEEP = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)  # the first n bytes of a word, read little-endian
_FACTOR = 0x9E3779B97F4A7C15  # 2^64 by the golden ratio (Knuth, TAOCP 6.4): multiples of it spread evenly
_SMALL, _LARGE = 16, 20  # bits of a table's size: the first stays in the cache, later ones leave few together


def words(padded: bytes, starts: Ints, ends: Ints) -> Words:
    """The pieces `[starts, ends)` of a text without NUL, word by word. Each is `MAX_BYTES` long at most."""
    every = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))  # the word at each byte
    lengths = ends - starts
    longest = int(lengths.max(initial=0))
    return [every[starts + at] & _KEEP[np.clip(lengths - at, 0, 8)] for at in range(0, max(1, longest), 8)]


def alike(pieces: Words, number: int) -> Ints:
    """For each of `number` pieces the place of one that equals it, the same one for all that are equal. (number,)."""
    same = np.zeros(number, np.int64)
    left = np.arange(number)
    bits, factor = _SMALL, _FACTOR
    while len(left):
        slots = _slots(pieces, factor, bits)
        table = np.empty(1 << bits, np.int64)
        table[slots] = np.arange(len(left))
        met = table[slots]
        differ = np.zeros(len(left), np.bool_)
        for word in pieces:
            differ |= word[met] != word
        same[left] = left[met]
        left, pieces = left[differ], [word[differ] for word in pieces]
        bits, factor = _LARGE, factor * _FACTOR % 2**64
    return same


def _slots(pieces: Words, factor: int, bits: int) -> NDArray[np.uint64]:
    multiplier = np.uint64(factor)
    mixed = pieces[0] * multiplier
    for word in pieces[1:]:
        mixed ^= mixed >> np.uint64(29)
        mixed += word
        mixed *= multiplier
    mixed ^= mixed >> np.uint64(32)
    return (mixed * multiplier) >> np.uint64(64 - bits)


def clock_times(text: bytes, starts: Ints, ends: Ints) -> Ints:
    """Seconds since midnight of the fields `[starts, ends)` that are H:MM:SS, with up to three digits of hours.

    `BAD` for every other field, good or not: `parse_time` knows more spellings. text: not empty. (fields,).
    """
    figures = np.frombuffer(text, np.uint8)
    length = ends - starts

    def figure(place: int) -> Ints:
        """The figure at a place counted from the end; beyond the field's start any other."""
        return figures[ends - place].astype(np.int64) - ord("0")

    good = (length >= len("0:00:00")) & (length <= len("000:00:00")) & (figure(3) == _COLON) & (figure(6) == _COLON)
    seconds = np.zeros(len(starts), np.int64)
    for place, worth, most in ((1, 1, 9), (2, 10, 5), (4, 60, 9), (5, 600, 5), (7, 3600, 9)):
        value = figure(place)
        good &= (value >= 0) & (value <= most)
        seconds += value * worth
    for place, worth in ((8, 36_000), (9, 360_000)):
        value = np.where(length >= place, figure(place), 0)
        good &= (value >= 0) & (value <= 9)
        seconds += value * worth
    return np.where(good, seconds, BAD)
