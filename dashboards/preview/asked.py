"""What a request of the page asks for, checked: the range, the choices. Pure: no I/O, no clock."""

from collections.abc import Iterable

import msgspec

from dashboards.model import Board
from foundation.errors import BadRecord

MIN_RANGE_S, MAX_RANGE_S = 60, 400 * 86400  # a minute; a year and a month, for reports of a year
MIN_POINTS, MAX_POINTS = 10, 1500
MAX_PARAMETERS = 100
MAX_VALUE_CHARS = 500
OLD_NAME = "source"
FUTURE_S = 86400  # how far ahead of our clock a range may end: clocks differ, days do not


class Asked(msgspec.Struct, frozen=True):
    """One request: the range that ends at end_s (Unix seconds), in at most `points` steps, and the choices made."""

    range_s: int
    end_s: float
    points: int
    chosen: dict[str, list[str]]


def read(parameters: Iterable[tuple[str, str]], now_s: float) -> Asked:
    """Read the parameters of a URL. Raises BadRecord that says which of them is wrong and what would be right."""
    pairs = list(parameters)
    if len(pairs) > MAX_PARAMETERS:
        raise BadRecord("parameters", f"{len(pairs)} parameters; at most {MAX_PARAMETERS}")
    plain: dict[str, str] = {}
    chosen: dict[str, list[str]] = {}
    for name, value in pairs:
        if len(value) > MAX_VALUE_CHARS:
            raise BadRecord("parameters", f"{name[:50]}: longer than {MAX_VALUE_CHARS} characters")
        if name.startswith("var-"):
            chosen.setdefault(name.removeprefix("var-"), []).append(value)
        elif name in {"range", "end", "points"} and name not in plain:
            plain[name] = value
        else:
            raise BadRecord(
                "parameters", f"{name[:50]}: unknown or duplicate; known: range, end, points, var-<variable>"
            )
    range_s = _whole("range", plain.get("range", "1800"), MIN_RANGE_S, MAX_RANGE_S)
    points = _whole("points", plain.get("points", "600"), MIN_POINTS, MAX_POINTS)
    end_s = _whole("end", plain["end"], range_s, int(now_s) + FUTURE_S) if "end" in plain else now_s
    return Asked(range_s, end_s, points, chosen)


def renamed(asked: Asked, board: Board) -> Asked:
    """The request with an old name of a variable taken for what it means today.

    Every board called its variable for the label `source` by that name: such addresses are in bookmarks and in sent
    notifications. Where no variable offers that label, the board's first one is meant.
    """
    queries = [variable for variable in board.variables if variable.type == "query"]
    labelled = (one.name for one in queries if one.label_values and one.label_values[1] == OLD_NAME)
    first = next(labelled, queries[0].name if queries else "")
    if OLD_NAME not in asked.chosen or any(variable.name == OLD_NAME for variable in board.variables):
        return asked
    chosen = {name: values for name, values in asked.chosen.items() if name != OLD_NAME}
    if first:
        chosen.setdefault(first, asked.chosen[OLD_NAME])
    return msgspec.structs.replace(asked, chosen=chosen)


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15 and least <= int(text) <= most):
        raise BadRecord("parameters", f"invalid {name} {text[:50]!r}: expected a whole number from {least} to {most}")
    return int(text)
