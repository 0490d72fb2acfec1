"""An account's events, and the lives and servers that follow from them. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec


class Segment(NamedTuple):
    """A server answers for an account in `[start_s, end_s)`; `end_s` None: still.

    doubt 1: which server it is, is not known; 2: it is known again, and nothing was decided here.
    """

    server_id: int
    start_s: int
    end_s: int | None
    is_first: bool
    from_server_id: int
    doubt: int = 0


class Session(NamedTuple):
    """An account's life from creation to deletion; `ended_s` None: still.

    Of a life that began before the log, `created_s` is the first that is known of it.
    """

    created_s: int
    ended_s: int | None
    name: str
    segments: list[Segment]
    was_created: bool = True


class AccountLog(msgspec.Struct, omit_defaults=True):
    """Every event of one account, each second once.

    doubts: of seconds of `routed` after which the server is not known (1), or is known again (2).
    """

    created: dict[int, str] = msgspec.field(default_factory=dict)
    deleted: set[int] = msgspec.field(default_factory=set)
    routed: dict[int, int] = msgspec.field(default_factory=dict)
    doubts: dict[int, int] = msgspec.field(default_factory=dict)

    def create(self, time_s: int, name: str) -> None:
        """It is created; of several names in one second the first in alphabetical order holds."""
        self.created[time_s] = min(name, self.created.get(time_s, name))

    def route(self, time_s: int, server_id: int, doubt: int = 0) -> None:
        """A server answers for it from now on; of several in one second the highest id holds, and the least doubt."""
        doubt = min(doubt, self.doubts.get(time_s, 0) if time_s in self.routed else doubt)
        self.doubts.pop(time_s, None)
        if doubt:
            self.doubts[time_s] = doubt
        self.routed[time_s] = max(server_id, self.routed.get(time_s, server_id))

    def merged(self, other: "AccountLog | None") -> "AccountLog":
        """The events of both."""
        if other is None:
            return self
        both = AccountLog(dict(self.created), self.deleted | other.deleted, dict(self.routed), dict(self.doubts))
        for time_s, name in other.created.items():
            both.create(time_s, name)
        for time_s, server in other.routed.items():
            both.route(time_s, server, other.doubts.get(time_s, 0))
        return both

    def sessions(self) -> list[Session]:
        """The account's lives, in order. The rules are those of `sql/04_sessions.sql` and `sql/05_segments.sql`."""
        lives: list[tuple[int, int | None]] = []
        opened: int | None = None
        for second in sorted(self.created.keys() | self.deleted):
            made, gone = second in self.created, second in self.deleted
            if made and gone and opened is None:
                lives.append((second, second))
            elif gone:
                if opened is not None:
                    lives.append((opened, second))
                opened = second if made else None
            elif opened is None:
                opened = second
        if opened is not None:
            lives.append((opened, None))
        return [
            *self._older(),
            *(Session(start, end, self.created[start], list(self._segments(start, end))) for start, end in lives),
        ]

    def _older(self) -> Iterator[Session]:
        """The life of before the log: of an account that was never created, or was deleted before it was created."""
        seen, end_s = [*self.routed, *self.deleted], min(self.deleted, default=None)
        is_older = not self.created or (end_s is not None and end_s < min(self.created))
        if seen and is_older:
            start_s = min(seen)
            yield Session(start_s, end_s, "", list(self._segments(start_s, end_s)), was_created=False)

    def _segments(self, start_s: int, end_s: int | None) -> Iterator[Segment]:
        mine = [one for one in sorted(self.routed.items()) if start_s <= one[0] and (end_s is None or one[0] < end_s)]
        untils: list[int | None] = [*(route[0] for route in mine[1:]), end_s]
        before: int | None = None
        for (time_s, server), until_s in zip(mine, untils, strict=False):  # without routes there is one end too many
            from_server = server if before is None else before
            yield Segment(
                server_id=server,
                start_s=time_s,
                end_s=until_s,
                is_first=before is None,
                from_server_id=from_server,
                doubt=self.doubts.get(time_s, 0),
            )
            before = server
