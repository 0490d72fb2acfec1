"""Eight bytes of many lines at once, as whole numbers of 64 bits: NumPy's steps for the vector engine. Pure.

A word has the byte at its position in its lowest eight bits, the next one above, and so on. Which bytes of a word are a
certain one comes out of arithmetic on the whole word (Warren, Hacker's Delight, 6-1: find the first byte of zeros).
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.intp]
Which: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.int64]

BYTES = 8
"""Of a word."""
FRONT, BACK = 2 * BYTES, 320
"""Bytes before and after the lines in a buffer, so that each word that is read lies in it."""

_ONE, _EIGHT = np.uint64(1), np.uint64(8)
_ONES: Final = np.uint64(0x0101010101010101)
_LOWS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGHS: Final = np.uint64(0x8080808080808080)
_NIBBLES: Final = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIXES: Final = np.uint64(0x0606060606060606)
_ZEROS: Final = np.uint64(0x3030303030303030)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_NIBBLE = np.uint64(0xF)
_POINT = ord(".")

MOST_DIGITS = 12
"""Of a number; the sum over 10^6 lines fits 64 bits."""

_BELOW = np.array([(1 << 8 * n) - 1 for n in range(BYTES + 1)], np.uint64)
"""By a number of bytes: a mask of that number, from the first on."""
_POWERS = 10.0 ** np.arange(BYTES + 1)


class Buffer:
    """Room for lines whose bytes are seen as numbers. `at`: each byte; `words`: the word at each byte."""

    def __init__(self, size: int) -> None:
        """`size`: bytes of lines at most."""
        self._bytes = bytearray(FRONT + size + BACK)
        self.at = np.frombuffer(self._bytes, np.uint8)
        self._found, self._more = np.empty((2, size), np.bool_)
        self.words: Words = np.ndarray((FRONT + size + BACK - BYTES,), "<u8", self._bytes, strides=(1,))

    def put(self, data: memoryview) -> int:
        """Put lines there, from `FRONT` on, after a line feed; where they end."""
        end = FRONT + len(data)
        self._bytes[FRONT - 1] = ord("\n")
        self._bytes[FRONT:end] = data
        return end

    def places(self, end: int, one: int, other: int) -> Places:
        """Where the lines up to `end` have one of two bytes."""
        text, found = self.at[FRONT:end], self._found[: end - FRONT]
        np.equal(text, one, out=found)
        found |= np.equal(text, other, out=self._more[: end - FRONT])
        places = np.flatnonzero(found)
        places += FRONT
        return places

    def has(self, byte: int, end: int) -> bool:
        """Whether the byte is in the lines up to `end`."""
        return self._bytes.find(byte, FRONT, end) >= 0

    def texts(self, starts: Places, ends: Places) -> list[bytes]:
        """The bytes of many places."""
        first, last = int(starts.min(initial=len(self._bytes))), int(ends.max(initial=0))
        whole = bytes(self._bytes[first:last])
        return [whole[start:end] for start, end in zip((starts - first).tolist(), (ends - first).tolist(), strict=True)]


def word(text: bytes) -> np.uint64:
    """At most eight bytes as a word; what is missing is zero."""
    return np.uint64(int.from_bytes(text, "little"))


def first_of(words: Words, *some: int) -> Words:
    """The first byte of each word that is one of `some`, as its highest bit alone; 0 where there is none."""
    found = _zeros(words ^ (_ONES * np.uint64(some[0])))
    for one in some[1:]:
        found |= _zeros(words ^ (_ONES * np.uint64(one)))
    return found & (~found + _ONE)


def before(first: Words) -> Words:
    """A mask of the bytes before the one that `first_of` found; of all, where there is none."""
    return (first >> np.uint64(7)) - _ONE


def size(mask: Words) -> Places:
    """How many bytes a mask of the first ones has."""
    return (np.bitwise_count(mask) >> np.uint8(3)).astype(np.intp)


def has_byte(words: Words, byte: int) -> Words:
    """Other than 0 for words that have the byte."""
    return _zeros(words ^ (_ONES * np.uint64(byte)))


def count(words: Words, byte: int, most: Places) -> Places:
    """How many of the first `most` bytes of each word are `byte`; less than 0 is none of them."""
    other = words ^ (_ONES * np.uint64(byte))
    is_byte = ~(((other & _LOWS) + _LOWS) | other | _LOWS)  # exact in every byte, unlike `_zeros`
    found: Places = np.bitwise_count(is_byte & below(most)).astype(np.intp)
    return found


def three_digits(words: Words) -> tuple[Numbers, Which]:
    """The numbers in the first three bytes of each word, and where these are digits."""
    digits = words ^ _ZEROS
    plain: Which = (digits | (digits + np.uint64(0x767676))) & np.uint64(0x808080) == 0
    units = (digits >> np.uint64(16)) & _NIBBLE
    found = (digits & _NIBBLE) * np.uint64(100) + ((digits >> _EIGHT) & _NIBBLE) * np.uint64(10) + units
    return found.view(np.int64), plain


def below(sizes: Places) -> Words:
    """Masks of the first bytes, by their number; of none for less than 0, of all for more than eight."""
    return _BELOW.take(sizes, mode="clip")


def whole_numbers(buffer: Buffer, starts: Places, ends: Places) -> tuple[Numbers, Which]:
    """The numbers that are there in at most twelve digits, and where there are such; `-` or nothing is 0."""
    sizes = ends - starts
    words = buffer.words[ends - BYTES]
    numbers, plain = _digits(words, np.minimum(sizes, BYTES))
    plain &= sizes <= MOST_DIGITS
    if len(longer := np.flatnonzero(plain & (sizes > BYTES))):
        more = buffer.words[ends[longer] - 2 * BYTES]
        high, high_plain = _digits(more, sizes[longer] - BYTES)
        numbers[longer] += high * 10**BYTES
        plain[longer] = high_plain
    if len(none := np.flatnonzero(~plain | (sizes <= 0))):
        dash = (sizes[none] == 1) & (buffer.at[starts[none]] == ord("-"))
        numbers[none], plain[none] = 0, dash | (sizes[none] == 0)
    return numbers, plain


def decimals(buffer: Buffer, starts: Places, ends: Places) -> tuple[npt.NDArray[np.float64], Which, Which]:
    """The numbers that are there in at most eight bytes, where there are such, and where they have a point.

    They are what `float` makes of the same text: a whole number below 2^53 divided by a power of ten below 10^23 is
    rounded once (Clinger 1990).
    """
    sizes = ends - starts
    known = below(sizes)
    words = buffer.words[ends - BYTES] >> (
        (_EIGHT * (BYTES - np.clip(sizes, 0, BYTES)).astype(np.uint64)) & np.uint64(63)
    )
    words &= known
    point = first_of(words, _POINT)
    has_point = point != 0
    whole = size(before(point) & known)
    parts = np.where(has_point, sizes - whole - 1, 0)
    digits = np.where(has_point, sizes - 1, sizes)
    low = before(point) & known
    joined = np.where(has_point, (words & low) | ((words >> _EIGHT) & ~low), words)
    numbers, plain = _digits(joined << (_EIGHT * (BYTES - np.clip(digits, 1, BYTES)).astype(np.uint64)), digits)
    plain &= (sizes <= BYTES) & (~has_point | ((whole > 0) & (parts > 0)))
    return numbers / _POWERS.take(parts, mode="clip"), plain, has_point


def _digits(words: Words, sizes: Places) -> tuple[Numbers, Which]:
    """The numbers in the last `sizes` bytes of each word, and where these are one to eight digits."""
    kept = ~below(BYTES - sizes)
    digits = (words & kept) | (_ZEROS & ~kept)
    plain = ((digits & _NIBBLES) == _ZEROS) & (((digits + _SIXES) & _NIBBLES) == _ZEROS) & (sizes > 0)
    pairs = (digits & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(2561) >> _EIGHT  # Lemire 2018, eight digits at once
    fours = (pairs & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
    found = (fours & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32)
    return found.astype(np.int64), plain


def _zeros(words: Words) -> Words:
    """The highest bit of each byte that is zero; bytes above the first of them may be wrong."""
    return (words - _ONES) & ~words & _HIGHS
