"""What the flags of `collector` and `plot` accept."""

import re

import click


def parse_columns(text: str) -> tuple[str, ...]:
    """`time,200,404,500` to names. Raises ValueError when one is empty or twice, or `time` is not there."""
    names = tuple(name.strip() for name in text.split(","))
    if "time" not in names or len(names) < 2:
        raise ValueError(f"{text!r} must name time and at least one series, as time,200,404,500 does")
    if any(not name or re.search(r"\s", name) for name in names):
        raise ValueError(f"{text!r} has a name that is empty or has a blank in it")
    if len(set(names)) < len(names):
        raise ValueError(f"{text!r} names a column twice")
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
