"""Pieces of a log to tallies: by the engine that suits the piece, in the format that the log has announced."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from exporter.accesslog.formats import Format, Unitless
from exporter.accesslog.formats.envelope import OPENERS, PREFIXES, Chain, Envelope, EnvelopeSetting, open_all
from exporter.accesslog.parse.opening import Inside, Kept, Opening, counted, split
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.tally import Buckets, Tally
from exporter.sources.packing import pack, unpack
from foundation.errors import StoreError

if TYPE_CHECKING:
    from exporter.accesslog.parse.columnar import Columnar
    from exporter.accesslog.parse.records import Records

BULK_BYTES = 2 << 20
"""From here on the columnar engine is quicker than the scalar one, which needs some 50 ms for it."""

_FILES = 64  # files whose announcement is remembered: more than stand in a rotation


class _Kept(Kept):
    """What is remembered of a log from one batch to the next. `lines`: what it announced last, by path."""

    lines: dict[str, bytes] = msgspec.field(default_factory=dict)


class Reader:
    """Reads one source's log. Not for two threads at once."""

    def __init__(
        self, format_: Format, buckets: Buckets, kept: bytes | None = None, *, envelope: EnvelopeSetting = "none"
    ) -> None:
        """`kept`: the `kept` of an earlier reader of the same log. `envelope`: what the lines are in."""
        self.format = format_
        self._buckets = buckets
        self._columnar: dict[tuple[str | None, Envelope | None], Columnar] = {}
        self._records: Records | None = None
        self._kept = _restored(kept)
        if envelope == "auto" and format_.own_regex is not None:
            envelope = "none"  # it was written for what the user sees, which is the whole line
        self._opening = Opening(envelope, self._try, self._kept)

    @property
    def own_regex(self) -> Format | None:
        """The format, if it is the user's own regex: then `read` belongs in the main thread, or `OwnRegex` does it."""
        return self.format if self.format.own_regex is not None else None

    @property
    def kept(self) -> bytes | None:
        """What the log has said so far that the next lines depend on; None if nothing."""
        return pack(self._kept) if self._kept != _Kept() else None

    def read(self, data: bytes, path: str = "", home: str | None = None) -> Tally:
        """Count the lines of `data`, which are whole and of one file. Blocks: some 100 ms for 16 MiB.

        `home`: where that file stood before it was rotated; a line's parts may be in both.
        """
        if taken := self._in_bulk(data, path if home is None else home):
            return taken
        inside = self.open(data, path, home)
        tally = self.count(inside, path)
        if tally.bad and inside.lines.count(b"\n") != data.count(b"\n"):  # parts joined, or errors between the lines
            tally.bad = {reason: bad._replace(number=0) for reason, bad in tally.bad.items()}
        return tally

    def go_on_from(self, kept: bytes | None) -> None:
        """Forget what was read, and remember what another reader of the same log has `kept`. Raises StoreError."""
        other = _restored(kept)
        self._kept.envelopes, self._kept.parts, self._kept.lines = other.envelopes, other.parts, other.lines

    def knows_envelope(self, path: str) -> bool:
        """Whether it is settled what the lines of the log at `path` are in."""
        return self._opening.is_settled(path)

    def finish(self, path: str = "") -> Tally:
        """Count the lines whose ends never came, where nothing more is to come of the file."""
        return self.count(self.unfinished(path), path)

    def unfinished(self, path: str = "") -> Inside:
        """The lines whose ends never came."""
        return self._opening.finish(path)

    def look(self, data: bytes, path: str = "") -> Chain:
        """Find out what the lines are in, if it is not known yet. All lines that are there say more than the first."""
        return self._opening.envelopes(data, path)

    def open(self, data: bytes, path: str = "", home: str | None = None) -> Inside:
        """The lines inside of the envelope, or `data` where there is none."""
        home = path if home is None else home
        return self._opening.open(data, home, self._opening.envelopes(data, home))

    def count(self, inside: Inside, path: str = "") -> Tally:
        """Count what came out of the envelope."""
        lines = self._read(inside.lines, path)
        if not inside.errors and not inside.too_long:
            return lines
        return counted(lines, self._tally(inside.errors, self._announced_format(path)), inside.too_long)

    def read_instant_s(self, line: bytes, path: str = "") -> float:
        """A line's own time, Unix seconds. Raises ValueError where it has none."""
        return self._announced_format(path).read_instant_s(line)

    def envelope_instant_s(self, line: bytes, path: str = "") -> float:
        """When the line's envelope says that it was written, Unix seconds. Raises ValueError where it does not."""
        opened = open_all(self._opening.known(path), line)
        if opened is None:
            raise ValueError("the line is in no envelope")
        return opened.instant_s()

    def find_unitless(self, line: bytes, path: str = "") -> Unitless | None:
        """A line's number that is no duration only because nobody knows its unit."""
        line = line.rstrip(b"\r\n")
        opened = open_all(self._opening.known(path), line)
        return self._announced_format(path).find_unitless(opened.text if opened else line)

    def _try(self, data: bytes) -> Tally:
        """What the format makes of lines, of which nothing is remembered."""
        return Reader(self.format, self._buckets).read(data)

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
        if len(data) < BULK_BYTES or len(envelopes := self._opening.envelopes(data, home)) != 1:
            return None
        envelope = envelopes[0]
        if format_.same_keys:
            return self._records_in(data, home, envelope)
        if not (format_.bulk or format_.learn) or format_.reshape is not None:
            return None
        if envelope not in PREFIXES or self._opening.waits(home):
            return None
        tally, odd = self._columnar_for(format_, envelope).take(data)
        open_line = OPENERS[envelope]
        if any((opened := open_line(line)) and opened.more for line in split(odd)):
            return None
        rest = self.count(self._opening.open(odd, home, envelopes))
        rest.bad = {reason: bad._replace(number=0) for reason, bad in rest.bad.items()}
        tally.merge(rest)
        return tally

    def _records_in(self, data: bytes, home: str, envelope: Envelope) -> Tally:
        """Count JSON in envelopes: what comes out is decoded as it is."""
        inside = self._opening.begin(home, envelope)
        tally = self._records_for(self.format).tally_each(lines for lines, _ in inside.each(data))
        if tally.bad and tally.lines != data.count(b"\n"):
            tally.bad = {reason: bad._replace(number=0) for reason, bad in tally.bad.items()}
        return counted(tally, self._tally(b"".join(inside.errors), self.format), inside.too_long)

    def _tally(self, data: bytes, format_: Format) -> Tally:
        if len(data) < BULK_BYTES or not (format_.bulk or format_.learn or format_.same_keys):
            return tally_scalar(data, format_, self._buckets)
        if format_.same_keys:
            return self._records_for(format_).tally(data)
        return self._columnar_for(format_, None).tally(data)

    def _columnar_for(self, format_: Format, envelope: Envelope | None) -> "Columnar":
        columnar = self._columnar.get((format_.pattern, envelope))
        if columnar is None:
            from exporter.accesslog.parse.columnar import Columnar  # noqa: PLC0415, a log that trickles needs no DuckDB

            self._columnar.clear()
            columnar = self._columnar[format_.pattern, envelope] = Columnar(format_, self._buckets, envelope)
        return columnar

    def _records_for(self, format_: Format) -> "Records":
        if self._records is None:
            from exporter.accesslog.parse.records import Records  # noqa: PLC0415, nor NumPy

            self._records = Records(format_, self._buckets)
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


def _restored(kept: bytes | None) -> _Kept:
    """Raises StoreError for what is none of ours."""
    if kept is None:
        return _Kept()
    try:
        try:
            return unpack(kept, _Kept)
        except msgspec.ValidationError:  # before there were envelopes, the lines were all
            return _Kept(lines=unpack(kept, dict[str, bytes]))
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise StoreError(f"what was kept of its lines cannot be read: {exc}") from exc


def _find_header(data: bytes, format_: Format, start: int) -> int:
    """Where the next line begins that may announce what is in the lines after it, from `start`; -1 if none does."""
    assert format_.reshape is not None
    if start == 0 and format_.reshape(data[: data.find(b"\n")].rstrip(b"\r")) is not None:
        return 0
    if not format_.header:
        return -1
    return start if data.startswith(format_.header, start) else data.find(b"\n" + format_.header, start) + 1 or -1
