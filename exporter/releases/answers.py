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


class Answers:
    """The answers that are known, and what of them must still be written down."""

    def __init__(self, saved: Mapping[str, bytes] | None = None) -> None:
        """`saved`: a scope of the checkpoint; keys of others are left out. The oldest are forgotten first."""
        saved = saved or {}
        self._packed = {key.removeprefix(_PREFIX): saved[key] for key in saved if key.startswith(_PREFIX)}
        self._new: dict[str, bytes] = {}
        self._gone: list[str] = []

    def get(self, key: str) -> Answer | None:
        """The answer that this key was given."""
        packed = self._packed.get(key)
        return msgspec.msgpack.decode(packed, type=Answer) if packed is not None else None

    def add(self, key: str, answer: Answer) -> None:
        """Remember one, and forget the oldest past the number that is kept."""
        self._packed[key] = self._new[key] = msgspec.msgpack.encode(answer)
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
        self._gone += [key.removeprefix(_PREFIX) for key in gone]
