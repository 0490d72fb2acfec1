"""Parts of the questions to DuckDB that all of them have. Pure; quotes are doubled in what comes from outside."""

from collections.abc import Sequence


def add(rows: str, column: str, expression: str) -> str:
    """The rows with one more column."""
    return f"SELECT *, {expression} AS {column} FROM ({rows})"  # noqa: S608, see the top


def replace(rows: str, column: str, expression: str) -> str:
    """The rows with another column in the place of the one of that name."""
    return f"SELECT * REPLACE ({expression} AS {column}) FROM ({rows})"  # noqa: S608, see the top


def extract(text: str, pattern: str, groups: Sequence[str]) -> str:
    """The groups of a regex in a text, as a struct; each is empty where it does not match the whole text."""
    return f"regexp_extract({text}, '^(?:{quoted(pattern)})$', {list(groups)})"


def quoted(text: str) -> str:
    """The text as it is between quotes."""
    return text.replace("'", "''")
