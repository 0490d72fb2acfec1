"""The questions that the columnar engine asks DuckDB. Pure: texts from formats.

Nothing in them comes from a log, and quotes are doubled in what comes from the configuration. Each answers with rows of
request (method, blank, target), code, bucket, odd, count, bytes, nanoseconds; `odd` is the text of lines that are not
plain, which are the scalar engine's to read, and NULL for all others.
"""

import re
from collections.abc import Sequence

from exporter.accesslog.formats import Fields, Format
from exporter.accesslog.formats.durations import MAX_DURATION_NS
from exporter.accesslog.tally import Buckets

BUFFER_BYTES = 4 << 20  # DuckDB's unit of work: several to a chunk, so that every core gets some
LINE_BYTES = 1 << 18  # a longer line sends its chunk to the scalar engine

NO_DELIMITER = "\x01"
"""For a file of one column; no line has it when it comes here."""

TAB = "\t"

_METHOD_AND_TARGET = re.compile(r"\(\?P<method>((?:(?!\(\?P<).)*)\) \(\?P<target>")


def by_regex(path: str, format_: Format, buckets: Buckets) -> str:
    """Lines taken apart by the format's regex, in RE2."""
    pattern, names = _merged(format_)
    field = {name: f"fields.{name}" if name in names else "''" for name in ("request", *Fields._fields)}
    request = field["request"] if "request" in names else f"concat({field['method']}, ' ', {field['target']})"
    duration_ns = _duration_ns(field["duration"], format_)
    return f"""
        WITH lines AS (
            SELECT line, regexp_extract(line, '^(?:{pattern.replace("'", "''")})$', {names}) AS fields
            FROM {_read(path, ["line"], NO_DELIMITER)}
        ), plain AS (
            SELECT {request} AS request, {field["code"]} AS code, try_cast({field["size"]} AS BIGINT) AS size,
                   {duration_ns} AS duration_ns,
                   CASE WHEN {field["code"]} <> '' AND coalesce({duration_ns} <= {MAX_DURATION_NS}, true)
                        THEN NULL ELSE coalesce(line, '') END AS odd
            FROM lines
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


def _duration_ns(field: str, format_: Format) -> str:
    """The scalar engine's arithmetic, step by step, so that floating point comes out the same."""
    if not format_.has_duration:
        return "NULL"
    return f"CAST(floor(try_cast({field} AS DOUBLE) * {format_.duration_unit_ns} + 0.5) AS BIGINT)"


def _bucket(format_: Format, buckets: Buckets) -> str:
    if not format_.has_duration:
        return "NULL"
    steps = "".join(f" WHEN duration_ns <= {bound} THEN {i}" for i, bound in enumerate(buckets.bounds_ns))
    return f"CASE WHEN duration_ns IS NULL THEN NULL{steps} ELSE {len(buckets) - 1} END"


def _merged(format_: Format) -> tuple[str, list[str]]:
    """The format's regex, and its groups in their order, which is how DuckDB names them.

    RE2 is three times as quick with at most four groups. A method and a target with one blank between them are one
    group here, `request`: a method has no blank, so the first one parts them again.
    """
    assert format_.pattern is not None
    pattern = format_.pattern.replace("(?P<instant>", "(?:").replace("(?P<unitless>", "(?:")
    pattern = _METHOD_AND_TARGET.sub(r"(?P<request>\1 ", pattern)
    return pattern, re.findall(r"\(\?P<(\w+)>", pattern)
