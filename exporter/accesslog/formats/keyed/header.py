"""CSV with a header: its first line names the fields of the lines after it.

Azure, CloudFront (as CSV), IIS through Log Parser, and spreadsheets write such logs. Fields are parted by commas,
semicolons, tabs or bars. Names are those of JSON's fields, whatever their capitals and signs between words are
(`Response Time (ms)` is response_time_ms), and those of W3C logs.
"""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Mapping

import msgspec

from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.field_names import common_name
from exporter.accesslog.formats.groups import MARK
from exporter.accesslog.formats.keyed.field_paths import FieldPaths
from exporter.accesslog.formats.keyed.finder import Finder
from exporter.accesslog.formats.keyed.records import Record
from exporter.accesslog.formats.keyed.structured import keyed_format
from foundation.errors import BadRecord

_SEPARATORS = ",;\t|"
_LEAST = 3
"""Names of a header: a method, a path and a status."""

_W3C_TIMES = ("time_taken", "TimeTaken")
_IN_SECONDS = {"x_edge_location", "x_edge_request_id"}
"""What only CloudFront's logs have, whose time-taken is seconds with a fraction."""
_IN_MILLIS = {"sc_win32_status", "s_sitename", "csuristem"}
"""What only logs of IIS and of Azure's web apps have, whose time-taken is whole milliseconds."""


_NAME = re.compile(r"[A-Za-z_#][^{}$%:<>=]*")


def csv_format(name: str, paths: FieldPaths) -> Format:
    """The format of a log whose first line is its header."""
    paths = _with_more_names(paths)
    made = keyed_format(name, paths, _no_header, Finder(paths))
    reshape = _Reshape(name, paths)
    return msgspec.structs.replace(made, reshape=reshape, announces=reshape.announces)


def header_format(text: str, paths: FieldPaths) -> Format | None:
    """The format of lines that have this header, though it is not in the log; None for other texts."""
    paths = _with_more_names(paths)
    return _Reshape("csv", paths)(text.encode())


def _with_more_names(paths: FieldPaths) -> FieldPaths:
    """With those of W3C logs, of Azure and of Cloudflare."""
    return msgspec.structs.replace(
        paths,
        methods=(*paths.methods, "cs_method", "CsMethod", "ClientRequestMethod"),
        targets=(*paths.targets, "cs_uri_stem", "CsUriStem", "cs_uri", "ClientRequestURI", "ClientRequestPath"),
        codes=(*paths.codes, "sc_status", "ScStatus", "EdgeResponseStatus", "http_status_code"),
        sizes=(*paths.sizes, "sc_bytes", "ScBytes", "EdgeResponseBytes"),
        durations=(*paths.durations, "TimeTaken", "EdgeTimeToFirstByteMs"),
    )


class _Reshape:
    """The format that a header announces; None for other lines."""

    def __init__(self, name: str, paths: FieldPaths) -> None:
        self._name, self._paths = name, paths
        fields = (paths.requests, paths.methods, paths.targets, paths.codes, paths.sizes, paths.durations)
        every = [path for some in (*fields, paths.instants) for path in some]
        self._known = {_plain(path): path for path in reversed(every)} | {path: path for path in every}
        self._codes, self._targets = set(paths.codes), {*paths.targets, *paths.requests}
        ends = {_plain(path).rpartition("_")[2] for path in paths.codes}  # one of which each header has
        self.announces = re.compile("|".join(map(re.escape, sorted(ends))).encode(), re.IGNORECASE)

    def __call__(self, line: bytes) -> Format | None:
        for separator in _SEPARATORS:
            try:
                cells = [cell.strip() for cell in _cells(line.removeprefix(BOM_UTF8), separator)]
            except BadRecord:  # so it is bad as a line of the log too
                continue
            if len(cells) < _LEAST or len(set(cells)) < len(cells) or not all(map(_NAME.fullmatch, cells)):
                continue
            names = [self._known.get(cell, self._known.get(_plain(cell), cell)) for cell in cells]
            if not (self._codes.isdisjoint(names) or self._targets.isdisjoint(names)):
                others = dict(zip(map(common_name, cells), names, strict=True)) | dict(zip(cells, names, strict=True))
                return self._made(line, names, separator, others)
        return None

    def _made(self, line: bytes, names: list[str], separator: str, others: Mapping[str, str]) -> Format:
        has = set(map(_plain, names))
        unit = "s" if has & _IN_SECONDS else "ms" if has & _IN_MILLIS else None
        units = dict.fromkeys(_W3C_TIMES, unit) if unit else {}
        paths = msgspec.structs.replace(self._paths, units={**self._paths.units, **units})

        def read(line: bytes) -> Record:
            """A record of a line, by the names in the header. Raises BadRecord."""
            cells = _cells(line, separator)
            if len(cells) != len(names):
                raise BadRecord("format", f"the line has {len(cells)} fields, and the header {len(names)}")
            record = dict(zip(names, cells, strict=True))
            if "date" in record and "time" in record:  # a day and a time of day
                record["time"] = f"{record['date']} {record['time']}"
            return record

        made = keyed_format(self._name, paths, read, Finder(paths))
        choose = made.choose
        assert choose is not None

        def choose_by_name(format_: Format, more: tuple[str, ...]) -> Format:
            """The format with more fields, by the header's names or the common ones."""
            keys = [one.removeprefix(MARK) for one in more]
            found = (others.get(key, others.get(common_name(key), key)) for key in keys)
            return msgspec.structs.replace(choose(format_, tuple(f"{MARK}{key}" for key in found)), more=more)

        return msgspec.structs.replace(
            made, reshape=self, announces=self.announces, directive=line, choose=choose_by_name
        )


def _no_header(_: bytes) -> Record:
    raise BadRecord("format", "there is no header line with the field names before it")


def _plain(name: str) -> str:
    """A name without what distinguishes its spellings."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _cells(line: bytes, separator: str) -> list[str]:
    text = line.decode("utf-8", "replace")
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error as exc:
        raise BadRecord("format", f"it is not CSV: {exc}") from exc
