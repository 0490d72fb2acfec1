"""Hours that clocks repeat, live: every file's order so far, and the reading of doubtful events. Pure.

An event in doubt is kept as it was read, with its place in its file. Whenever one comes, the report's function decides
all of them again: a second hour decides the first one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import adler32, crc32

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.hosting.extent import DAY_S
from exporter.hosting.folds import PERHAPS_LATER, settle
from exporter.hosting.order import Doubtful, FileOrder, Place, Stream
from exporter.hosting.parse import MINUTE_S, Event, Heartbeat, Time
from exporter.hosting.sessions import AccountLog

MINUTES_A_DAY = 1440
MISSING, UP, OVERLOAD, DOUBT = 0, 1, 2, 3
"""The meaning of a byte for a server's minute. Doubt is never saved, and is less than an event that is in none."""

MAX_STREAMS = 100_000  # writers of all files; of more, the files that rested longest are forgotten
PIECE_S = 600  # doubtful events are saved in pieces of this many seconds, because few change at a time
_CERTAINTY = (MISSING, DOUBT, UP, OVERLOAD)  # of two for one minute the later here holds
Codes = npt.NDArray[np.uint8]


class Taken(NamedTuple):
    """The reading of doubtful events, in the forms of the ledger.

    minutes: by server and day, their states. loads: the workload by server and minute.
    accounts: their events.
    servers: that were routed to. times: (is a heartbeat, when) of every row that a report's extent is of. heard: the
    last heartbeat of each server, with its workload. newest_s: the start of the last minute that has come.
    """

    minutes: dict[tuple[int, int], Codes]
    loads: dict[tuple[int, int], float]
    accounts: dict[int, AccountLog]
    servers: set[int]
    times: list[tuple[int, int]]
    heard: dict[int, tuple[int, float]]
    newest_s: int | None


NOTHING = Taken(minutes={}, loads={}, accounts={}, servers=set(), times=[], heard={}, newest_s=None)


class FileKept(FileOrder):
    """A file's order, with the marks of a copy, and whether its lines are read again as another file."""

    size: int = 0
    sums: tuple[int, int] = (0, 1)
    again: bool = False

    def see(self, data: bytes) -> None:
        """Add the next bytes."""
        self.size += len(data)
        self.sums = crc32(data, self.sums[0]), adler32(data, self.sums[1])


class _Saved(msgspec.Struct, array_like=True):
    """The saved data of a file beside its doubtful events."""

    whole: Stream | None
    writers: dict[int | None, Stream]
    reaches_out: bool
    size: int
    sums: tuple[int, int]
    again: bool


class Nights:
    """The files that were read, by a name that no other file ever has, and the doubtful events in them."""

    def __init__(self) -> None:
        self.files: dict[str, FileKept] = {}
        self.changed = False  # since they were last settled
        self._epoch = 0
        self._unsaved: set[str] = set()
        self._unsaved_pieces: set[tuple[str, int]] = set()
        self._gone: set[str] = set()

    def take(
        self, key: int, data: bytes, events: Sequence[Event], times_s: Sequence[int], twins: Mapping[Time, int]
    ) -> list[int]:
        """Read on in a file: `data`, which holds these events. Returns the places of those that are in doubt."""
        name = f"{self._epoch}-{key}"
        file = self.files.pop(name, None)
        if file is None:
            self._forget_resting()
            file = FileKept()
        self.files[name] = file  # at the end: it rested least
        told = self._said_by(file)
        file.see(data)
        places = file.add(events, times_s, twins)
        self._unsaved.add(name)
        self._unsaved_pieces |= {(name, times_s[place] // PIECE_S) for place in places}
        self.changed |= bool(places) or (bool(told) and told != self._said_by(file))
        return places

    def _said_by(self, file: FileKept) -> tuple[object, ...]:
        """The facts that decide its doubtful events: the order, and whether another file is equal."""
        if not file.doubtful:
            return ()
        digest = file.size, file.sums
        is_alike = any((one.size, one.sums) == digest for one in self.files.values() if one is not file)
        return is_alike, file.verdict()

    def _forget_resting(self) -> None:
        """Make room for another file, where those without a doubtful event have too many writers."""
        spare = sum(len(file.writers) for file in self.files.values()) - MAX_STREAMS
        for name in [name for name, file in self.files.items() if not file.doubtful]:
            if spare <= 0:
                break
            spare -= len(self.files.pop(name).writers)
            self._gone.add(f"order/{name}")

    def begin_anew(self, *, again: bool) -> None:
        """From here on files have other names. again: all of them are read from their start, where they are there."""
        self._epoch += 1
        for name, file in self.files.items():
            file.again |= again
            self._unsaved.add(name)
        self.changed = True

    def doubtful(self) -> list[Doubtful]:
        """Every doubtful event, with the result of the order. A file that was read twice, or a copy, counts once."""
        seen, found, before = set[tuple[object, ...]](), list[Doubtful](), list[Doubtful]()
        for file in self.files.values():
            digest = (file.size, file.sums)
            if file.again:
                before += file.told()
            elif not (file.reaches_out and digest in seen):
                found += file.told()
            seen.add(digest)
        known = Counter(one[:3] for one in found)
        for one in before:
            if known[one[:3]]:
                known[one[:3]] -= 1
            else:
                found.append(one)
        return found

    def knows(self, event: Event, time_s: int) -> bool:
        """Whether a file that is read again has this event."""
        meant = msgspec.structs.replace(event, time=time_s)
        return any(at.event == meant for file in self.files.values() if file.again for at in file.doubtful)

    def drop(self, since_s: int, accounts: set[int]) -> None:
        """Forget heartbeats of long before `since_s`, and these accounts."""
        for name, file in self.files.items():
            for at in list(file.doubtful):
                first_s = int(at.event.time)
                if isinstance(at.event, Heartbeat):
                    is_over = first_s + at.gap_s < since_s - DAY_S
                else:
                    is_over = at.event.account_id in accounts
                if is_over:
                    del file.doubtful[at]
                    self._unsaved_pieces.add((name, first_s // PIECE_S))
                    self.changed = True

    def changes(self, *, everything: bool) -> tuple[dict[str, bytes], set[str]]:
        """The changes to save since the last call, or everything, and the deleted keys."""
        if everything:
            self._unsaved = set(self.files)
            self._unsaved_pieces = {
                (name, int(at.event.time) // PIECE_S) for name, file in self.files.items() for at in file.doubtful
            }
        puts, gone = dict[str, bytes](), self._gone
        for name in self._unsaved & self.files.keys():
            file = self.files[name]
            kept = _Saved(*(getattr(file, field) for field in _Saved.__struct_fields__))
            puts[f"order/{name}"] = msgspec.msgpack.encode(kept)
        for name, piece in self._unsaved_pieces:
            doubtful = self.files[name].doubtful.items()
            mine = [(at, copies) for at, copies in doubtful if int(at.event.time) // PIECE_S == piece]
            if mine:
                puts[f"doubtful/{name}/{piece}"] = msgspec.msgpack.encode(mine)
            else:
                gone.add(f"doubtful/{name}/{piece}")
        self._unsaved, self._unsaved_pieces, self._gone = set(), set(), set()
        return puts, gone

    def restore(self, kind: str, names: Sequence[str], value: bytes) -> None:
        """Restore one value that was saved under `kind/names`. Raises ValueError, MsgspecError."""
        name, *rest = names
        epoch, key = map(int, name.split("-"))
        file = self.files.setdefault(f"{epoch}-{key}", FileKept())
        if kind == "order":
            for field, one in msgspec.structs.asdict(msgspec.msgpack.decode(value, type=_Saved)).items():
                setattr(file, field, one)
        else:
            (_,) = map(int, rest)
            file.doubtful |= dict(msgspec.msgpack.decode(value, type=list[tuple[Place, int]]))
        self._epoch = max(self._epoch, epoch)
        self.changed = True

    def forget_torn(self) -> None:
        """After all is restored: events of a file whose order could not be read are counted without it."""
        for file in self.files.values():
            if file.whole is None and file.doubtful:
                file.whole = Stream(0, in_order=False)
            for at in file.doubtful:
                writer = at.event.server_id if isinstance(at.event, Heartbeat) else None
                file.writers.setdefault(writer, Stream(0, in_order=False))


def take_for(doubtful: Sequence[Doubtful], heartbeat_s: int, overload: float) -> Taken:
    """The reading of these events, by the report's rule."""
    rows = settle(doubtful, heartbeat_s, overload)
    taken = Taken(minutes={}, loads={}, accounts={}, servers=set(), times=[], heard={}, newest_s=None)
    newest_s: int | None = None
    for server, time_s, load in rows.heartbeats:
        start_s = time_s - time_s % heartbeat_s
        code = DOUBT if load < 0 else OVERLOAD if load > overload else UP
        for minute_s in range(start_s, start_s + heartbeat_s, MINUTE_S):
            day, second = divmod(minute_s, DAY_S)
            codes = taken.minutes.setdefault((server, day), np.zeros(MINUTES_A_DAY, np.uint8))
            at_minute = second // MINUTE_S
            codes[at_minute] = max((int(codes[at_minute]), code), key=_CERTAINTY.index)
            if load >= 0:
                at = server, minute_s
                taken.loads[at] = max(float(np.float32(load)), taken.loads.get(at, 0.0))
        if load >= 0 and taken.heard.get(server, (0, 0.0))[0] <= time_s:
            taken.heard[server] = time_s, load
        if load > PERHAPS_LATER:
            newest_s = max(start_s, newest_s or 0)
            taken.times.append((1, time_s))
    for account, name, time_s in rows.creates:
        taken.accounts.setdefault(account, AccountLog()).create(time_s, name)
        taken.times.append((0, time_s))
    for account, time_s in rows.deletes:
        taken.accounts.setdefault(account, AccountLog()).deleted.add(time_s)
        taken.times.append((0, time_s))
    for account, server, time_s, doubt in rows.routes:
        taken.accounts.setdefault(account, AccountLog()).route(time_s, server, doubt)
        taken.times.append((0, time_s))
        if doubt != 1:
            taken.servers.add(server)
    return taken._replace(newest_s=newest_s and newest_s + heartbeat_s - MINUTE_S)


def over(codes: bytes | bytearray, doubtful: Codes) -> bytes:
    """A server's day including doubtful heartbeats."""
    base = np.frombuffer(codes, np.uint8)
    either = np.where(doubtful == DOUBT, base, np.maximum(base, doubtful))
    return np.where(base == MISSING, doubtful, either).tobytes()
