"""Numbers in lines with named fields that are not a field of a request: may they be times?"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporter.accesslog.formats.keyed.field_paths import GENERIC
from exporter.accesslog.formats.keyed.records import read_json, read_logfmt
from foundation.errors import BadRecord

READERS = {"json": read_json, "logfmt": read_logfmt}
_KNOWN = {*GENERIC.codes, *GENERIC.sizes, *GENERIC.durations, *GENERIC.instants}
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_OTHER_WORDS = re.compile(
    r"(?:\A|[^a-z])(?:id|pid|port|level|severity|bytes|size|length|count|version|line|status|code)(?:[^a-z]|\Z)"
)
"""Words in names that show that the number is not a time."""
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_DEEPEST = 3


def other_numbers(name: str, lines: Iterable[bytes]) -> dict[str, list[str]]:
    """By path, the different values of what may be durations, in lines of a format of `READERS`."""
    found: dict[str, list[str]] = {}
    never: set[str] = set()
    for line in lines:
        try:
            record = READERS[name](line.rstrip(b"\r\n"))
        except BadRecord:
            continue
        for path, value in leaves(record):
            words = _HUMP.sub("_", path).lower()
            if path in _KNOWN or isinstance(value, bool) or value in (None, "", "-") or _OTHER_WORDS.search(words):
                continue
            if _NUMBER.fullmatch(text := str(value)):
                found.setdefault(path, []).append(text)
            else:
                never.add(path)
    values = {path: list(dict.fromkeys(texts)) for path, texts in found.items() if path not in never}
    return {path: texts for path, texts in values.items() if len(texts) > 1 or len(found[path]) == 1}


def leaves(record: Mapping[str, Any], start: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """Each path at which a record has neither an object nor a list, and what is there."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            if depth > 1:
                yield from leaves(value, f"{start}{key}.", depth - 1)
        elif not isinstance(value, list):
            yield f"{start}{key}", value
