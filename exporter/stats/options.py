"""What the flags of `collector` and `plot` accept."""

import csv

import click


def parse_columns(text: str) -> tuple[str, ...]:
    """`time,200,accepted conn` to names, as CSV: a name with a comma in it stands in quotes.

    Raises ValueError when a name is empty or given twice, or `time` is not there.
    """
    try:
        names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True, strict=True), []))
    except csv.Error as exc:
        raise ValueError(f'{text!r} is not a list of names, for example time,200,"a name, with a comma"') from exc
    if "time" not in names or len(names) < 2:
        raise ValueError(f"{text!r} must name time and at least one series, as time,200,404,500 does")
    if any(not name or not name.isprintable() for name in names):
        raise ValueError(f"{text!r} has a name that is empty or has a control character, such as a TAB, in it")
    if len(set(names)) < len(names):
        raise ValueError(f"{text!r} has a duplicate column")
    return names


class Columns(click.ParamType):  # type: ignore[type-arg]
    """Names of columns, in order."""

    name = "NAMES"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Text to names."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_columns(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
