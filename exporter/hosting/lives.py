"""All accounts in flat form: their lives, and the servers that answered for them. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from exporter.hosting.sessions import Session

FAR = 1 << 60
"""The end of what continues."""


class Life(NamedTuple):
    """An account exists in `[start_s, end_s)`, and is known from `known_s` on."""

    start_s: int
    end_s: int
    known_s: int


class Routed(NamedTuple):
    """A server answers for it in `[start_s, end_s)`; the life is that of this number.

    doubt 1: which one is not known; see `sessions.Segment`.
    """

    server_id: int
    start_s: int
    end_s: int
    life: int
    doubt: int = 0


class Pieces(NamedTuple):
    """An account's lives in flat form; open ends are in the far future, an unknown start in the far past."""

    name: str
    lives: list[Life]
    routes: list[Routed]


def pieces(sessions: Sequence[Session]) -> Pieces:
    """Flatten an account's sessions."""
    return Pieces(
        sessions[-1].name if sessions else "",
        [Life(s.created_s if s.was_created else -FAR, _end(s.ended_s), s.created_s) for s in sessions],
        [
            Routed(one.server_id, one.start_s, _end(one.end_s), number, one.doubt)
            for number, session in enumerate(sessions)
            for one in session.segments
        ],
    )


def _end(time_s: int | None) -> int:
    return FAR if time_s is None else time_s
