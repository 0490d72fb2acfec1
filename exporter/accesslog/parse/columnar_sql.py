"""The queries of the columnar engine to DuckDB. Pure: texts from formats.

Nothing in them comes from a log, and quotes are doubled in what comes from the configuration. Each returns rows of
method, target, code, bucket, odd, count, bytes, nanoseconds; `odd` is the text of lines that are not
plain, which the scalar engine reads, and NULL for all others.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from exporter.accesslog.columns import Columns
from exporter.accesslog.formats import GROUPS, UNITLESS, Format
from exporter.accesslog.formats.durations import MAX_DURATION_NS
from exporter.accesslog.formats.groups import named_groups
from exporter.accesslog.parse import columnar_targets
from exporter.accesslog.parse.columnar_rows import add, extract
from exporter.accesslog.parse.columnar_split import Split, split
from exporter.accesslog.parse.columnar_values import named, nothing, texts_of, with_values
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import Buckets

BUFFER_BYTES = 8 << 20  # DuckDB's unit of work: several to a chunk, so that every core gets some
LINE_BYTES = 1 << 18  # a longer line sends its chunk to the scalar engine

NO_DELIMITER = "\x01"
"""For a file of one column; no line has it when it comes here."""

_NO_NULL = f"nullstr = '{NO_DELIMITER}'"
"""So an empty field is not null, but a missing one is."""

_QUICK_GROUPS = 4
_STEP = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_NAMED = re.compile(r"\(\?P<(\w+)>")
_METHOD_AND_TARGET = re.compile(r"\(\?P<method>((?:(?!\(\?P<).)*)\) \(\?P<target>")


def by_regex(
    path: str, format_: Format, buckets: Buckets, router: Router | None, columns: Columns | None = None
) -> str:
    """Lines split by the format's regex, in RE2; `router`, `columns`: as `Columnar` has them."""
    merged = _merged(format_)
    field = merged.fields
    request = field["request"] if "request" in field else f"concat({field['method']}, ' ', {field['target']})"
    duration_ns = _duration_ns(field["duration"], format_)
    method = f"split_part({request}, ' ', 1)"
    places = {**field, "method": method, "target": f"substring({request}, length({method}) + 2)"}
    texts = "".join(f", {places[group]} AS text{at}" for at, group in enumerate(texts_of(columns, format_)))
    counted = f"""
        WITH lines AS (
            SELECT line, {extract("line", merged.pattern, merged.groups)} AS fields
            FROM {_read(path, ["line"], NO_DELIMITER)}
        ), parts AS (
            SELECT line, fields, {merged.pair or "NULL"} AS pair FROM lines
        ), plain AS (
            SELECT {request} AS request, {field["code"]} AS code, try_cast({field["size"]} AS BIGINT) AS size,
                   {duration_ns} AS duration_ns,
                   CASE WHEN {field["code"]} <> '' AND coalesce({duration_ns} <= {MAX_DURATION_NS}, true)
                        THEN NULL ELSE coalesce(line, '') END AS odd{texts}
            FROM parts
        )
        {_counted(format_, buckets, columns)}"""  # noqa: S608, see the top
    return _routed(counted, router, columns)


def part(format_: Format) -> Split | None:
    """How to split lines of the format; None where that is not possible."""
    return split(_pattern(format_))


def by_parts(
    path: str,
    format_: Format,
    parts: Split,
    buckets: Buckets,
    router: Router | None,
    *,
    columns: Columns | None = None,
) -> str:
    """Lines split at their delimiters, twice as fast. Some are dropped; `dropped` returns these."""
    read = _read(path, parts.columns, parts.character, f"ignore_errors = true, null_padding = true, {_NO_NULL}")
    rows = parts.parted(f"SELECT * FROM {read}", format_.more)  # noqa: S608, see the top
    for at, group in enumerate(texts_of(columns, format_)):
        rows = add(rows, f"text{at}", group)
    rows = add(rows, "size", "try_cast(size_text AS BIGINT)")
    rows = add(rows, "duration_ns", _duration_ns("duration_text", format_))
    plain = f"is_plain AND coalesce(duration_ns <= {MAX_DURATION_NS}, true)"
    rows = add(rows, "odd", f"CASE WHEN {plain} THEN NULL ELSE {parts.line} END")
    return _routed(_grouped("method, target", rows, format_, buckets, columns), router, columns)


def dropped(path: str, parts: Split, columns: Columns | None = None) -> str:
    """The lines that `by_parts` drops, as odd ones."""
    return f"""
        SELECT '' AS method, '' AS target, '' AS code, NULL AS bucket, coalesce(line, '') AS odd, count(*) AS lines,
               NULL AS bytes, NULL AS nanoseconds{nothing(columns)}
        FROM {_read(path, ["line"], NO_DELIMITER)}
        WHERE NOT coalesce(regexp_full_match(line, '{parts.kept}'), false) GROUP BY ALL"""  # noqa: S608, see the top


def _pattern(format_: Format) -> str:
    """The format's regex without unused groups."""
    assert format_.pattern is not None
    pattern = format_.pattern.replace("(?P<instant>", "(?:").replace(f"(?P<{UNITLESS}>", "(?:")
    return pattern if format_.has_duration else pattern.replace("(?P<duration>", "(?:")


def _counted(format_: Format, buckets: Buckets, columns: Columns | None) -> str:
    """The groups of the lines in `plain`; the method is what precedes the first blank of a request."""
    grouped = _grouped("request", "SELECT * FROM plain", format_, buckets, columns)
    method, target = "split_part(request, ' ', 1)", "substring(request, length(method) + 2)"
    return f"SELECT {method} AS method, {target} AS target, * EXCLUDE request FROM ({grouped})"  # noqa: S608, see the top


def _grouped(what: str, rows: str, format_: Format, buckets: Buckets, columns: Columns | None) -> str:
    return f"""
        SELECT {what}, code, {_bucket(format_, buckets)} AS bucket, odd, count(*) AS lines, sum(size) AS bytes,
               sum(duration_ns) AS nanoseconds{named(columns)}
        FROM ({with_values(rows, columns)}) GROUP BY ALL"""  # noqa: S608, see the top


def _routed(counted: str, router: Router | None, columns: Columns | None) -> str:
    """The groups of the targets that `router` takes for one, instead of those of each target."""
    if router is None:
        return counted
    return f"""
        SELECT method, target, code, bucket, odd, sum(lines), sum(bytes), sum(nanoseconds){named(columns)}
        FROM ({columnar_targets.routed(counted, router)}) GROUP BY ALL"""  # noqa: S608, see the top


def _read(path: str, columns: Sequence[str], delimiter: str, *more: str) -> str:
    types = dict.fromkeys(columns, "VARCHAR")
    options = (
        f"columns = {types}",
        f"delim = '{delimiter}'",
        "auto_detect = false, header = false, quote = '', escape = '', new_line = '\\n'",
        f"buffer_size = {BUFFER_BYTES}, max_line_size = {LINE_BYTES}",
        *more,
    )
    return f"read_csv('{path}', {', '.join(options)})"


def _duration_ns(field: str, format_: Format) -> str:
    """The arithmetic of the scalar engine, step by step, so that floating point results are the same."""
    if not format_.has_duration:
        return "NULL"
    if format_.steps == 1:
        return _whole_ns(field, format_)
    steps = " + ".join(_whole_ns(f"split_part({field}, ' ', {i})", format_) for i in range(1, format_.steps + 1))
    return f"(CASE WHEN {field} = '' THEN NULL WHEN contains({field}, '-') THEN {MAX_DURATION_NS} + 1 ELSE {steps} END)"


def _whole_ns(number: str, format_: Format) -> str:
    return f"CAST(floor(try_cast({number} AS DOUBLE) * {format_.duration_unit_ns} + 0.5) AS BIGINT)"


def _bucket(format_: Format, buckets: Buckets) -> str:
    if not format_.has_duration:
        return "NULL"
    steps = "".join(f" WHEN duration_ns <= {bound} THEN {i}" for i, bound in enumerate(buckets.bounds_ns))
    return f"CASE WHEN duration_ns IS NULL THEN NULL{steps} ELSE {len(buckets) - 1} END"


def decided(format_: Format, line: bytes) -> Format:
    """The format of the lines like this one: with a code of three digits, and a number with a unit or without.

    RE2 is three times as quick where each character decides, and so without what is rare: the codes of requests that
    got no answer, and a last number that is a duration or not until its point has come.
    """
    assert format_.pattern is not None
    match = re.fullmatch(format_.pattern.encode(), line)
    others = {"code": "(?P<code>[0-9]{3})"}
    if format_.steps > 1:
        others["duration"] = f"(?P<duration>{' '.join([_STEP] * format_.steps)})"
    if UNITLESS in format_.pattern:
        others |= {"duration": "(?P<duration>)"} if match and match[UNITLESS] else {UNITLESS: ""}
    pattern = format_.pattern
    for group in reversed(named_groups(pattern)):
        pattern = (
            pattern[: group.start] + others.get(group.name, pattern[group.start : group.end]) + pattern[group.end :]
        )
    return msgspec.structs.replace(format_, pattern=pattern)


class _Merged(NamedTuple):
    """A pattern with few groups: their names, an expression for each field, and one for two fields in one group."""

    pattern: str
    groups: list[str]
    fields: dict[str, str]
    pair: str


def _merged(format_: Format) -> _Merged:
    """The format's regex with at most four groups, with which RE2 is three times as quick.

    A method and a target with one blank between them are one group, `request`: a method has no blank, so the first one
    parts them again. Of five groups, the two with the least between them are one, which is taken apart once more.
    """
    assert format_.pattern is not None
    pattern = _METHOD_AND_TARGET.sub(r"(?P<request>\1 ", _pattern(format_))
    groups = named_groups(pattern)
    fields = dict.fromkeys((*GROUPS, *format_.more), "''") | {group.name: f"fields.{group.name}" for group in groups}
    if len(groups) <= _QUICK_GROUPS or format_.more:  # one of more may be in another
        return _Merged(pattern, [group.name for group in groups], fields, "")
    first, second = min(pairwise(groups), key=lambda pair: pair[1].start - pair[0].end)
    inner = pattern[first.start : second.end]
    outer = f"{pattern[: first.start]}(?P<pair>{_NAMED.sub('(?:', inner)}){pattern[second.end :]}"
    names = [group.name for group in groups if group is not second]
    names[names.index(first.name)] = "pair"
    fields |= {one.name: f"pair.{one.name}" for one in (first, second)}
    return _Merged(outer, names, fields, extract("fields.pair", inner, [first.name, second.name]))
