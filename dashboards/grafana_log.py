"""What a Grafana's own log says of its provisioning: boards, data sources and folders that it could not take."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from foundation.errors import InputError, in_words

_LOUD = frozenset(("error", "critical"))
_ABOUT = "provisioning"  # how the names of the loggers begin that read provisioned files
_PAIR = re.compile(r'([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S*)')
_MOST_CHARS = 300  # of a line that is shown
_MOST_LINE_CHARS = 1 << 20


class Said(NamedTuple):
    """The errors of a log. provisioning: (logger, what it says), each once; others: errors by other loggers.

    lines: all of the log; read: those of them that have a logger and a level.
    """

    lines: int
    read: int
    provisioning: list[tuple[str, str]]
    others: Counter[str]


def read(path: Path) -> Said:
    """Read a log file. Raises ConfigError where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return errors(iter(lambda: file.readline(_MOST_LINE_CHARS), ""))
    except OSError as exc:
        raise InputError(f"--log {path}: {in_words(exc)}") from exc


def errors(lines: Iterable[str]) -> Said:
    """The errors in the lines of a log in Grafana's formats text (logfmt) or json; other lines are passed over."""
    count, known, others = 0, 0, Counter[str]()
    found: dict[tuple[str, str], None] = {}
    for line in lines:
        count += 1
        fields = _fields(line)
        logger = fields.get("logger", "")
        known += bool(logger) and "level" in fields
        if fields.get("level", "") not in _LOUD:
            continue
        if logger.startswith(_ABOUT):
            told = ": ".join(filter(None, (fields.get("msg", ""), fields.get("error", ""))))
            found[logger, told[:_MOST_CHARS]] = None
        else:
            others[logger or "(no logger)"] += 1
    return Said(count, known, list(found), others)


def _fields(line: str) -> dict[str, str]:
    if not line.startswith("{"):
        return {key: value[1:-1] if value.startswith('"') else value for key, value in _PAIR.findall(line)}
    try:
        return {key: str(value) for key, value in json.loads(line).items()}
    except (ValueError, RecursionError):  # a line of brackets
        return {}
