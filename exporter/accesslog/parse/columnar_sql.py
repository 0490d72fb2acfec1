"""The questions that the columnar engine asks DuckDB. Pure: texts from formats.

Nothing in them comes from a log, and quotes are doubled in what comes from the configuration. Each answers with rows of
request (method, blank, target), code, bucket, odd, count, bytes, nanoseconds; `odd` is the text of lines that are not
plain, which are the scalar engine's to read, and NULL for all others.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from exporter.accesslog.formats import UNITLESS, Fields, Format
from exporter.accesslog.formats.durations import MAX_DURATION_NS
from exporter.accesslog.tally import Buckets

BUFFER_BYTES = 4 << 20  # DuckDB's unit of work: several to a chunk, so that every core gets some
LINE_BYTES = 1 << 18  # a longer line sends its chunk to the scalar engine

NO_DELIMITER = "\x01"
"""For a file of one column; no line has it when it comes here."""

TAB = "\t"

_QUICK_GROUPS = 4
_STEP = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_NAMED = re.compile(r"\(\?P<(\w+)>")
_METHOD_AND_TARGET = re.compile(r"\(\?P<method>((?:(?!\(\?P<).)*)\) \(\?P<target>")


def by_regex(path: str, format_: Format, buckets: Buckets) -> str:
    """Lines taken apart by the format's regex, in RE2."""
    merged = _merged(format_)
    field = merged.fields
    request = field["request"] if "request" in field else f"concat({field['method']}, ' ', {field['target']})"
    duration_ns = _duration_ns(field["duration"], format_)
    return f"""
        WITH lines AS (
            SELECT line, {_extract("line", merged.pattern, merged.groups)} AS fields
            FROM {_read(path, ["line"], NO_DELIMITER)}
        ), parts AS (
            SELECT line, fields, {merged.pair or "NULL"} AS pair FROM lines
        ), plain AS (
            SELECT {request} AS request, {field["code"]} AS code, try_cast({field["size"]} AS BIGINT) AS size,
                   {duration_ns} AS duration_ns,
                   CASE WHEN {field["code"]} <> '' AND coalesce({duration_ns} <= {MAX_DURATION_NS}, true)
                        THEN NULL ELSE coalesce(line, '') END AS odd
            FROM parts
        )
        SELECT request, code, {_bucket(format_, buckets)} AS bucket, odd, count(*), sum(size), sum(duration_ns)
        FROM plain GROUP BY ALL"""  # noqa: S608, see the top


def by_columns(path: str, format_: Format, buckets: Buckets) -> str:
    """Fields that the CSV reader finds: twice as quick, but it drops a line that has more or fewer.

    A group with numbers that are not plain has '' for `odd`; then, or when lines are missing, `by_regex` must answer.
    """
    assert format_.columns is not None
    plain = "regexp_full_match(size, '[0-9]{1,15}')"
    duration_ns = _duration_ns("duration", format_)
    if format_.has_duration:
        plain += r" AND regexp_full_match(duration, '[0-9]{1,9}(?:\.[0-9]{1,9})?')"
        plain += f" AND {duration_ns} <= {MAX_DURATION_NS}"
    return f"""
        WITH plain AS (
            SELECT split_part(request, '?', 1) AS request, code, try_cast(size AS BIGINT) AS size,
                   {duration_ns} AS duration_ns, coalesce({plain}, false) AS plain
            FROM {_read(path, format_.columns, TAB, "ignore_errors = true")}
        )
        SELECT request, code, {_bucket(format_, buckets)} AS bucket, CASE WHEN plain THEN NULL ELSE '' END AS odd,
               count(*), sum(size), sum(duration_ns)
        FROM plain GROUP BY ALL"""  # noqa: S608, see the top


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


def _extract(text: str, pattern: str, groups: Sequence[str]) -> str:
    return f"regexp_extract({text}, '^(?:{_quoted(pattern)})$', {list(groups)})"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _duration_ns(field: str, format_: Format) -> str:
    """The scalar engine's arithmetic, step by step, so that floating point comes out the same."""
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
    """The format of the lines that are as this one: with a code of three digits, and a number with a unit or without.

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
    for group in reversed(_groups(pattern)):
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
    pattern = format_.pattern.replace("(?P<instant>", "(?:").replace(f"(?P<{UNITLESS}>", "(?:")
    pattern = _METHOD_AND_TARGET.sub(r"(?P<request>\1 ", pattern)
    groups = _groups(pattern)
    fields = dict.fromkeys(Fields._fields, "''") | {group.name: f"fields.{group.name}" for group in groups}
    if len(groups) <= _QUICK_GROUPS:
        return _Merged(pattern, [group.name for group in groups], fields, "")
    first, second = min(pairwise(groups), key=lambda pair: pair[1].start - pair[0].end)
    inner = pattern[first.start : second.end]
    outer = f"{pattern[: first.start]}(?P<pair>{_NAMED.sub('(?:', inner)}){pattern[second.end :]}"
    names = [group.name for group in groups if group is not second]
    names[names.index(first.name)] = "pair"
    fields |= {one.name: f"pair.{one.name}" for one in (first, second)}
    return _Merged(outer, names, fields, _extract("fields.pair", inner, [first.name, second.name]))


class _Group(NamedTuple):
    name: str
    start: int
    end: int


def _groups(pattern: str) -> list[_Group]:
    """The named groups of a pattern and where each stands, in their order, which is how DuckDB names them."""
    found, open_, in_class, i = [], [], False, 0
    while i < len(pattern):
        if pattern[i] == "\\":
            i += 1
        elif in_class:
            in_class = pattern[i] != "]"
        elif pattern[i] == "[":
            in_class = True
            i += pattern[i + 1 : i + 2] in ("^", "]")  # what comes first in a class does not end it
        elif pattern[i] == "(":
            open_.append(i)
        elif pattern[i] == ")":
            start = open_.pop()
            if name := _NAMED.match(pattern, start):
                found.append(_Group(name[1], start, i + 1))
        i += 1
    return sorted(found, key=lambda group: group.start)
