"""Answers to requests that carried an idempotency key, so that a request sent twice counts once. Pure.

The last `KEYS_REMEMBERED` keys are known: a sender that tries again within so many other requests is recognised, also
by the next process, since answers go to disk in one transaction with the counts that they tell of.
"""

from collections.abc import Mapping

import msgspec

KEYS_REMEMBERED = 10_000
REFUSED_TOLD = 20  # of one request: what is told is also what is remembered
_PREFIX = "key/"


class Refused(msgspec.Struct, frozen=True):
    """A record that was not taken; `line` counts from 1."""

    line: int
    reason: str
    text: str


class Answer(msgspec.Struct, frozen=True):
    """What became of one request's records. `refused` tells the first of them."""

    taken: int
    late: int
    refused_count: int
    refused: list[Refused]


class Remembered(msgspec.Struct, frozen=True):
    """An answer, its place in the order in which they were given, and the checksum of the body that got it."""

    number: int
    checksum: int
    answer: Answer


class Answers:
    """The answers that are known, and what of them must still be written down."""

    def __init__(self, saved: Mapping[str, bytes] | None = None) -> None:
        """`saved`: a scope of the checkpoint, in any order; keys of others are left out. Raises msgspec.DecodeError."""
        found = {
            key.removeprefix(_PREFIX): (msgspec.msgpack.decode(packed, type=Remembered).number, packed)
            for key, packed in (saved or {}).items()
            if key.startswith(_PREFIX)
        }
        self._packed = {key: packed for key, (_, packed) in sorted(found.items(), key=lambda item: item[1][0])}
        self._number = max((number for number, _ in found.values()), default=0)
        self._new: dict[str, bytes] = {}
        self._gone: list[str] = []

    def get(self, key: str) -> Remembered | None:
        """The answer that this key was given."""
        packed = self._packed.get(key)
        return msgspec.msgpack.decode(packed, type=Remembered) if packed is not None else None

    def add(self, key: str, checksum: int, answer: Answer) -> None:
        """Remember one, and forget the oldest past the number that is kept."""
        self._number += 1
        self._packed[key] = self._new[key] = msgspec.msgpack.encode(Remembered(self._number, checksum, answer))
        while len(self._packed) > KEYS_REMEMBERED:
            oldest = next(iter(self._packed))
            del self._packed[oldest]
            self._new.pop(oldest, None)
            self._gone.append(oldest)

    def changes(self) -> tuple[dict[str, bytes], list[str]]:
        """What to put and what to delete since the last call."""
        puts, gone = self._new, self._gone
        self._new, self._gone = {}, []
        return {_PREFIX + key: packed for key, packed in puts.items()}, [_PREFIX + key for key in gone]

    def not_written(self, gone: list[str]) -> None:
        """The last changes did not reach the disk, and what stood there before may be lost: all must be put again."""
        self._new = dict(self._packed)
        self._gone += [key.removeprefix(_PREFIX) for key in gone if key.startswith(_PREFIX)]
