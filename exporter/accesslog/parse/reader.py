"""Reads pieces of a log into tallies: with the engine for the piece, in the format that the log has announced."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from exporter.accesslog.columns import Apart, Column, Columns
from exporter.accesslog.formats import GROUPS, Format, Unitless
from exporter.accesslog.formats.envelope import OPENERS, PREFIXES, Chain, Envelope, EnvelopeSetting, open_all
from exporter.accesslog.ignore import Ignore
from exporter.accesslog.measures import Measures
from exporter.accesslog.parse import vector_pieces
from exporter.accesslog.parse.first_bad import first_bad
from exporter.accesslog.parse.opening import Inside, Kept, Opening, counted, split
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import Buckets, Tally, normal
from exporter.sources.packing import pack, unpack
from foundation.errors import StoreError
from foundation.jsonread import why_not_json

if TYPE_CHECKING:
    from exporter.accesslog.own_labels import OfFile
    from exporter.accesslog.parse.columnar import Columnar
    from exporter.accesslog.parse.records import Records
    from exporter.accesslog.parse.vector import Vector

BULK_BYTES = 8 << 20
"""From this size on the columnar engine takes less processor time than the scalar one; its query alone takes 20 ms."""
PLAIN_BYTES = 1 << 18
"""From this size on the vector engine is worth it, for formats whose lines are mostly plain for it."""
BATCH_BYTES = 4 << 20
"""More of such lines at a time is not quicker."""
LEARNED_BYTES = 1 << 19
"""The same for lines whose keys and values the scalar engine must split, such as logfmt."""
RECORDS_BYTES = 1 << 18
"""The same for JSON, whose engine has no queries."""

_FILES = 20_000  # files whose announcement is remembered: more than are followed


_VectorKey: TypeAlias = tuple[str | None, int | None]
"""What the fields of a plain line depend on: the pattern, and the unit of a duration."""


class _Kept(Kept):
    """The state of a log between two batches. `lines`: its last announcement, by path."""

    lines: dict[str, bytes] = msgspec.field(default_factory=dict)


class Reader:
    """Reads one source's log. Not thread-safe."""

    def __init__(
        self,
        format_: Format,
        buckets: Buckets,
        kept: bytes | None = None,
        *,
        envelope: EnvelopeSetting = "none",
        router: Router | None = None,
        columns: Sequence[Column] = (),
        ignore: Ignore | None = None,
        measures: Measures | None = None,
        of_file: "OfFile | None" = None,
    ) -> None:
        """A reader of lines in one format.

        Args:
            format_: the lines', inside of their envelope.
            buckets: of the durations.
            kept: the `kept` of an earlier reader of the same log.
            envelope: what the lines are in.
            router: what makes routes of the targets, where nothing else is made of them. Then a tally may have, in the
                place of many targets, one with the same route, and reading is quicker.
            columns: what requests are counted by beside method, target and code; the keys of tallies have their values.
            ignore: rules for requests that are not hits of a tally.
            measures: further numbers of hits, behind those of their durations.
            of_file: further values in the key that all lines of a file have in common.

        Raises:
            ValueError: the format does not have the field of a column.
        """
        self._unlabelled = format_
        self._ignore = ignore if ignore is not None and ignore.columns else None
        self._measures = measures if measures is not None and measures.columns else None
        for more in (self._measures, self._ignore):
            columns = (*columns, *more.columns) if more else columns
        self.columns = Columns(format_, columns) if columns else None
        self.format = self.columns.format if self.columns else format_
        self._of_file = of_file
        self._router = router
        self._buckets = buckets
        self._columnar: dict[tuple[str | None, Envelope | None], Columnar] = {}
        self._records: Records | None = None
        self._vector: tuple[_VectorKey, Vector] | None = None
        self._kept = _restored(kept)
        if envelope == "auto" and format_.own_regex is not None:
            envelope = "none"  # it was written for what the user sees, which is the whole line
        self._opening = Opening(envelope, self._try, self._kept)

    @property
    def own_regex(self) -> Format | None:
        """The format, if it is a user-defined regex: then `read` must run in the main thread, or `OwnRegex` reads."""
        return self.format if self.format.own_regex is not None else None

    @property
    def bulk_bytes(self) -> int:
        """The number of bytes from which lines are read together, which is faster; 0 for never."""
        return self._bulk_bytes(self.format) if _has_bulk(self.format) else 0

    @property
    def batch_bytes(self) -> int:
        """How much to read at a time: the smallest size that is fast, to save memory."""
        return BATCH_BYTES if self.bulk_bytes == PLAIN_BYTES else 2 * BULK_BYTES

    @property
    def kept(self) -> bytes | None:
        """The state that the next lines depend on; None without any."""
        return pack(self._kept) if self._kept != _Kept() else None

    def read(self, data: bytes, path: str = "", home: str | None = None) -> Tally:
        """Count the lines of `data`, which are whole and of one file. Blocks: some 100 ms for 16 MiB.

        `home`: the path of the file before it was rotated; a line's parts may be in both.
        """
        if taken := self._in_bulk(data, path if home is None else home):
            return self.of_file(taken, path if home is None else home)
        inside = self.open(data, path, home)
        tally = self._count(inside, path)
        if tally.bad and inside.lines.count(b"\n") != data.count(b"\n"):  # parts joined, or errors between the lines
            tally.bad = {reason: bad._replace(number=0) for reason, bad in tally.bad.items()}
        return self.of_file(tally, path if home is None else home)

    def reads_alike(self, home: str) -> bool:
        """Whether lines of the log at `home` are certainly read as they are, whatever came before them."""
        return (
            self.format.reshape is None
            and self.format.own_regex is None
            and self._opening.is_settled(home)
            and not self._opening.known(home)
            and self._of_file is None
        )

    def go_on_from(self, kept: bytes | None) -> None:
        """Replace the state by that which another reader of the same log has `kept`. Raises StoreError."""
        other = _restored(kept)
        self._kept.envelopes, self._kept.parts, self._kept.lines = other.envelopes, other.parts, other.lines

    def knows_envelope(self, path: str) -> bool:
        """Whether the envelope of the log at `path` is decided."""
        return self._opening.is_settled(path)

    def finish(self, path: str = "") -> Tally:
        """Count the lines without an end, when the file is complete."""
        return self.count(self.unfinished(path), path)

    def unfinished(self, path: str = "") -> Inside:
        """The lines without an end."""
        return self._opening.finish(path)

    def look(self, data: bytes, path: str = "") -> Chain:
        """Find the envelope of the lines, if it is not known yet. All available lines show more than the first."""
        return self._opening.envelopes(data, path)

    def open(self, data: bytes, path: str = "", home: str | None = None) -> Inside:
        """The lines inside of the envelope, or `data` where there is none."""
        home = path if home is None else home
        return self._opening.open(data, home, self._opening.envelopes(data, home))

    def count(self, inside: Inside, path: str = "") -> Tally:
        """Count what came out of the envelope."""
        return self.of_file(self._count(inside, path), path)

    def of_file(self, tally: Tally, home: str) -> Tally:
        """The tally with what all lines of the file have in common in its keys."""
        if self._of_file is not None:
            more = self._of_file(home)
            tally.hits = {(*key, *more): numbers for key, numbers in tally.hits.items()}
        return tally

    def _count(self, inside: Inside, path: str = "") -> Tally:
        lines = self._read(inside.lines, path)
        if not inside.errors and not inside.too_long:
            return lines
        return counted(lines, self._tally(inside.errors, self._announced_format(path)), inside.too_long)

    def read_instant_s(self, line: bytes, path: str = "") -> float:
        """A line's own time, Unix seconds. Raises ValueError where it has none."""
        return self._announced_format(path).read_instant_s(line)

    def envelope_instant_s(self, line: bytes, path: str = "") -> float:
        """The time in the line's envelope, Unix seconds. Raises ValueError where there is none."""
        opened = open_all(self._opening.known(path), line)
        if opened is None:
            raise ValueError("the line is not in an envelope")
        return opened.instant_s()

    def find_unitless(self, line: bytes, path: str = "") -> Unitless | None:
        """A number of a line that is not a duration only because its unit is unknown."""
        line = line.rstrip(b"\r\n")
        opened = open_all(self._opening.known(path), line)
        return self._announced_format(path).find_unitless(opened.text if opened else line)

    def _try(self, data: bytes) -> Tally:
        """What the format makes of lines, of which nothing is remembered."""
        return Reader(self._unlabelled, self._buckets).read(data)

    def _read(self, data: bytes, path: str) -> Tally:
        if self.format.reshape is None:
            return self._tally(data, self.format)
        tally = Tally()
        for format_, part in self._parts(data, path):
            tally.merge(self._tally(part, format_))
        return tally

    def _in_bulk(self, data: bytes, home: str) -> Tally | None:
        """Count lines without opening their envelopes one by one; None where that is not possible.

        Parts of lines must be joined in their order, and so must what a directive of the log changes.
        """
        format_ = self.format
        if len(data) < self._bulk_bytes(format_) or len(envelopes := self._opening.envelopes(data, home)) != 1:
            return None
        envelope = envelopes[0]
        if format_.same_keys:
            return self._records_in(data, home, envelope)
        if not (format_.bulk or format_.learn) or format_.reshape is not None or self._is_plain(format_):
            return None  # plain lines are quicker opened and then read together
        if envelope not in PREFIXES or self._opening.waits(home):
            return None
        tally, odd = self._columnar_for(format_, envelope).take(data)
        tally = self.finished(tally)
        open_line = OPENERS[envelope]
        if any((opened := open_line(line)) and opened.more for line in split(odd)):
            return None
        rest = self._count(self._opening.open(odd, home, envelopes))
        rest.bad = {reason: bad._replace(number=0) for reason, bad in rest.bad.items()}
        tally.merge(rest)
        return tally

    def _records_in(self, data: bytes, home: str, envelope: Envelope) -> Tally:
        """Count JSON in envelopes: what comes out is decoded as it is."""
        inside = self._opening.begin(home, envelope)
        found = self._records_for(self.format).tally_each(lines for lines, _ in inside.each(data))
        tally = self.finished(found)
        if tally.bad and tally.lines != data.count(b"\n"):
            tally.bad = {reason: bad._replace(number=0) for reason, bad in tally.bad.items()}
        return counted(tally, self._tally(b"".join(inside.errors), self.format), inside.too_long)

    def _tally(self, data: bytes, format_: Format) -> Tally:
        if len(data) < self._bulk_bytes(format_) or not _has_bulk(format_):
            tally = tally_scalar(data, format_, self._buckets)
            return self.finished(self._with_values(tally))
        if self._is_plain(format_):
            return self._tally_plain(normal(data), format_)
        engine = self._records_for(format_) if format_.same_keys else self._columnar_for(format_, None)
        return self.finished(engine.tally(data))

    def finished(self, tally: Tally) -> Tally:
        """A tally whose keys have the values of the columns, without what is ignored, and with what is measured."""
        if self._ignore:
            self._ignore.take(tally)
        if self._measures:
            self._measures.take(tally)
        return tally

    def _bulk_bytes(self, format_: Format) -> int:
        """From how many bytes on it is quicker to read lines of the format together."""
        if format_.same_keys:
            return min(BULK_BYTES, RECORDS_BYTES)
        if not format_.bulk:
            return min(BULK_BYTES, LEARNED_BYTES)
        return min(BULK_BYTES, PLAIN_BYTES) if self._is_plain(format_) else BULK_BYTES

    def _is_plain(self, format_: Format) -> bool:
        """Whether the vector engine takes the usual lines of the format."""
        if not format_.bulk:
            return False
        groups = tuple(one for one in self.columns.groups_in(format_) if one not in GROUPS) if self.columns else ()
        return _falls_apart(format_.pattern, format_.has_duration, format_.duration_unit_ns, format_.steps, groups)

    def _tally_plain(self, data: bytes, format_: Format) -> Tally:
        """Count lines that went through `normal`: plain ones together, and the others by an engine that reads any."""
        tally, rest = self._vector_for(format_).read(data)
        if not (self.columns and self.columns.more):  # which it has found the values of
            tally = self._with_values(tally)
        if not rest:
            return self.finished(tally)
        if len(rest) >= BULK_BYTES:
            others = self._columnar_for(format_, None).tally_normal(rest)
        else:
            others = self._with_values(tally_normal(rest, format_, self._buckets))
        if others.failed and tally.lines:
            others.bad = first_bad(data, rest, others.failed.keys(), format_, self._buckets)
        bad = others.bad
        tally.merge(others)
        tally.bad = bad
        return self.finished(tally)

    def _with_values(self, tally: Tally) -> Tally:
        return self.columns.tally(tally) if self.columns else tally

    def _vector_for(self, format_: Format) -> "Vector":
        key = format_.pattern, format_.duration_unit_ns
        if self._vector is None or self._vector[0] != key:
            from exporter.accesslog.parse.vector import Vector  # noqa: PLC0415, a slow log needs no NumPy

            columns = self.columns if self.columns and self.columns.more else None
            router = (
                Apart(self._router, self.columns) if self._router and self.columns and not columns else self._router
            )
            self._vector = key, Vector(format_, self._buckets, router, columns)
        return self._vector[1]

    def _columnar_for(self, format_: Format, envelope: Envelope | None) -> "Columnar":
        columnar = self._columnar.get((format_.pattern, envelope))
        if columnar is None:
            from exporter.accesslog.parse.columnar import Columnar  # noqa: PLC0415, a slow log needs no DuckDB

            self._columnar.clear()
            columnar = self._columnar[format_.pattern, envelope] = Columnar(
                format_, self._buckets, envelope, self._router, self.columns
            )
        return columnar

    def _records_for(self, format_: Format) -> "Records":
        if self._records is None:
            from exporter.accesslog.parse.records import Records  # noqa: PLC0415, nor NumPy

            self._records = Records(format_, self._buckets, self._router, self.columns)
        return self._records

    def _parts(self, data: bytes, path: str) -> Iterator[tuple[Format, bytes]]:
        """The data between two announcements, each with its format."""
        format_ = self._announced_format(path)
        start = 0
        while (at := _find_header(data, format_, start)) >= 0:
            if at > start:
                yield format_, data[start:at]
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end + 1
            self._kept.lines.pop(path, None)
            self._kept.lines[path] = data[at:end].strip()[:10_000]
            while len(self._kept.lines) > _FILES:
                del self._kept.lines[next(iter(self._kept.lines))]
            format_ = self._announced_format(path)
            yield format_, data[at:end]
            start = end
        if start < len(data):
            yield format_, data[start:]

    def _announced_format(self, path: str) -> Format:
        line = self._kept.lines.get(path)
        if line is None or self.format.reshape is None:
            return self.format
        return self.format.reshape(line) or self.format


def _has_bulk(format_: Format) -> bool:
    """Whether many lines of the format are read together."""
    return bool(format_.bulk or format_.learn or format_.same_keys)


@lru_cache(maxsize=64)
def _falls_apart(
    pattern: str | None,
    has_duration: bool,  # noqa: FBT001
    unit_ns: int | None,
    steps: int,
    groups: tuple[str, ...],
) -> bool:
    format_ = Format(name="", pattern=pattern, has_duration=has_duration, duration_unit_ns=unit_ns, steps=steps)
    found = vector_pieces.split(format_)
    return found is not None and all(vector_pieces.where(*found, group) is not None for group in groups)


def _restored(kept: bytes | None) -> _Kept:
    """Raises StoreError for state that cannot be read."""
    if kept is None:
        return _Kept()
    try:
        try:
            return unpack(kept, _Kept)
        except msgspec.ValidationError:  # earlier versions, without envelopes, saved only the lines
            return _Kept(lines=unpack(kept, dict[str, bytes]))
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise StoreError(f"the saved state of the reader cannot be read: {why_not_json(exc)}") from exc


def _find_header(data: bytes, format_: Format, start: int) -> int:
    """Where the next line begins that may announce what is in the lines after it, from `start`; -1 if none does."""
    assert format_.reshape is not None
    if start == 0 and format_.reshape(data[: data.find(b"\n")].rstrip(b"\r")) is not None:
        return 0
    if format_.announces is not None:
        return _find_announcement(data, format_.reshape, format_.announces, start)
    if not format_.header:
        return -1
    return start if data.startswith(format_.header, start) else data.find(b"\n" + format_.header, start) + 1 or -1


def _find_announcement(
    data: bytes, reshape: Callable[[bytes], Format | None], announces: re.Pattern[bytes], start: int
) -> int:
    """The same for a line that has what `announces` is somewhere in it."""
    at = start
    while found := announces.search(data, at):
        begin = max(start, data.rfind(b"\n", start, found.start()) + 1)
        end = data.find(b"\n", found.end())
        at = len(data) if end < 0 else end + 1
        if reshape(data[begin:at].rstrip(b"\r\n")) is not None:
            return begin
    return -1
