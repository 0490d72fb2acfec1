"""Answers to requests with an idempotency key, so that a request sent twice counts once. Pure.

The last `KEYS_REMEMBERED` keys are kept: a sender that retries within this number of other requests is recognised, also
by the next process, because answers are saved in one transaction with the counts that they report.
"""

from collections.abc import Mapping

import msgspec

from foundation.jsonread import why_not_json

KEYS_REMEMBERED = 10_000
REFUSED_TOLD = 20  # of one request: the answer is also kept
_PREFIX = "key/"


class Refused(msgspec.Struct, frozen=True):
    """A record that was not counted; `line` counts from 1."""

    line: int
    reason: str
    text: str


class Answer(msgspec.Struct, frozen=True):
    """The result of one request's records. `refused` has the first of them."""

    taken: int
    late: int
    refused_count: int
    refused: list[Refused]


class Remembered(msgspec.Struct, frozen=True):
    """An answer, its place in the order of answers, and the checksum of its request's body."""

    number: int
    checksum: int
    answer: Answer


def is_answer(key: str) -> bool:
    """Whether a key of the keeper is that of an answer."""
    return key.startswith(_PREFIX)


class Answers:
    """The kept answers, and those that must still be saved."""

    def __init__(self, saved: Mapping[str, bytes] | None = None) -> None:
        """`saved`: a scope of the keeper, in any order; keys of others are left out.

        What is not an answer is forgotten; `unreadable` has the reasons, by key.
        """
        self.unreadable: dict[str, str] = {}
        found: dict[str, tuple[int, bytes]] = {}
        for key, packed in (saved or {}).items():
            if is_answer(key):
                try:
                    number = msgspec.msgpack.decode(packed, type=Remembered).number
                except msgspec.MsgspecError as exc:
                    self.unreadable[key] = why_not_json(exc)
                else:
                    found[key.removeprefix(_PREFIX)] = (number, packed)
        self._packed = {key: packed for key, (_, packed) in sorted(found.items(), key=lambda item: item[1][0])}
        self._number = max((number for number, _ in found.values()), default=0)
        self._new: dict[str, bytes] = {}
        self._gone: list[str] = []

    def get(self, key: str) -> Remembered | None:
        """The answer to this key."""
        packed = self._packed.get(key)
        return msgspec.msgpack.decode(packed, type=Remembered) if packed is not None else None

    def add(self, key: str, checksum: int, answer: Answer) -> None:
        """Keep one, and drop the oldest beyond the limit."""
        self._number += 1
        self._packed[key] = self._new[key] = msgspec.msgpack.encode(Remembered(self._number, checksum, answer))
        while len(self._packed) > KEYS_REMEMBERED:
            oldest = next(iter(self._packed))
            del self._packed[oldest]
            self._new.pop(oldest, None)
            self._gone.append(oldest)

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], list[str]]:
        """What to put and what to delete since the last call, or everything."""
        puts, gone = self._packed if everything else self._new, self._gone
        self._new, self._gone = {}, []
        return {_PREFIX + key: packed for key, packed in puts.items()}, [_PREFIX + key for key in gone]
