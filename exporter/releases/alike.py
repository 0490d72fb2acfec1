"""Equal pieces of a buffer found without looking at them one by one: the fields of a million lines, as arrays.

A piece of up to 64 bytes is read as up to eight machine words. Equal pieces meet in one slot of a hash table that is an
array too; what meets there is compared word by word, and those that differ go on to another table. So the answer is
exact, whatever the hash. Pure.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = list[NDArray[np.uint64]]

MAX_BYTES = 64
PADDING = bytes(MAX_BYTES)
"""Must follow the text in its buffer: a word is read whole, also where its piece ends early."""

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
