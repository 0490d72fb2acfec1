"""Values of columns in DuckDB: by an expression, or by a table of the texts that were seen already.

A text that is not in its table comes out as it is, and Python finds its value: so a field costs a look into a hash
table a line, and not a group a text. The tables have the most frequent texts and are cleared once they are full.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from exporter.accesslog.columns import Columns
from exporter.accesslog.formats import Format

if TYPE_CHECKING:
    import duckdb

MOST = 1 << 14
"""Texts in a table."""
_LONGEST = 512  # bytes of a text in a table


def with_values(rows: str, columns: Columns | None) -> str:
    """A question for rows with `text0` for each column: with `value0`, and `text0` only where no value is known."""
    for at, column in enumerate(columns.columns if columns else ()):
        if column.sql is not None:
            rows = f"SELECT * EXCLUDE text{at}, {column.sql(f'text{at}')} AS value{at}, NULL AS text{at} FROM ({rows})"  # noqa: S608
            continue
        known = f"(SELECT text AS seen{at}, value AS value{at} FROM values{at})"  # noqa: S608, of numbers
        rows = f"""
            SELECT * EXCLUDE (text{at}, seen{at}), CASE WHEN value{at} IS NULL THEN text{at} END AS text{at}
            FROM ({rows}) LEFT JOIN {known} ON text{at} = seen{at}"""  # noqa: S608, of numbers
    return rows


def texts_of(columns: Columns | None, format_: Format) -> list[str]:
    """The groups of a format's pattern that have the texts, one for each column."""
    return list(columns.groups_in(format_)) if columns else []


def named(columns: Columns | None) -> str:
    """The values and texts, for the end of a list."""
    return "".join(f", value{at}, text{at}" for at in range(len(columns.columns) if columns else 0))


def nothing(columns: Columns | None) -> str:
    """As many nulls."""
    return ", NULL" * 2 * (len(columns.columns) if columns else 0)


class Seen:
    """The tables of one database."""

    def __init__(self, db: "duckdb.DuckDBPyConnection", columns: Columns) -> None:
        """`columns`: whose values are in the tables, one a column; `db` gets them now."""
        self._db = db
        self._columns = columns
        self._counts = [0] * len(columns.columns)
        for at in range(len(columns.columns)):
            self._begin(at)

    def values(self, at: int, texts: Sequence[str], lines: Sequence[int]) -> dict[str, bytes]:
        """The values of texts that are in no table, and of each so many lines; the most frequent are in it next."""
        found = dict(zip(texts, self._columns.values(at, [text.encode() for text in texts]), strict=True))
        counts: Counter[str] = Counter()
        for text, number in zip(texts, lines, strict=True):
            if len(text) <= _LONGEST:
                counts[text] += number
        if self._counts[at] + len(counts) > MOST:
            self._begin(at)
        learned = [text for text, _ in counts.most_common(MOST // 2)]
        if learned:
            values = [found[text].decode() for text in learned]
            self._db.execute(f"INSERT INTO values{at} SELECT unnest(?), unnest(?)", [learned, values])
            self._counts[at] += len(learned)
        return found

    def _begin(self, at: int) -> None:
        self._db.execute(f"CREATE OR REPLACE TABLE values{at} (text VARCHAR, value VARCHAR)")
        self._counts[at] = 0
