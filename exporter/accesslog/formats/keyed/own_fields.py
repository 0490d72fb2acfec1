"""Where the fields of a request are in JSON or logfmt with unknown names: found by names and all values."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from exporter.accesslog.formats.durations import unit_of_name
from exporter.accesslog.formats.keyed.field_paths import UserPaths
from exporter.accesslog.formats.keyed.other_numbers import READERS, leaves
from foundation.errors import BadRecord

_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_REQUEST = re.compile(r"[A-Z]{3,10} (?:/|https?://)\S*(?: HTTP/[0-9.]+)?")
_METHOD = re.compile(r"GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE")
_TARGET = re.compile(r"(?:/|https?://)\S*")
_CODE = re.compile(r"[1-5][0-9]{2}")
_SIZE = re.compile(r"[0-9]{1,15}|-")
_TIME = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|-")

_TARGET_WORDS = re.compile(r"\b(?:uri|url|path|route|target|resource)\b")
_FROM_ELSEWHERE = re.compile(r"\b(?:referr?er|redirect|location|origin|upstream|file|script|callback)\b")
_CODE_WORDS = re.compile(r"\b(?:status|code)\b")
_SIZE_WORDS = re.compile(r"\b(?:bytes|size|length)\b")
_SENT_WORDS = re.compile(r"\b(?:sent|out|res|resp|response|rsp|body)\b")
_CAME_WORDS = re.compile(r"\b(?:received|in|req|request)\b")
_TIME_WORDS = re.compile(r"(?:duration|latency|elapsed|took|response time|request time|total time|time taken)(?: \w+)?")
_PART_OF_IT = re.compile(r"\b(?:upstream|backend|db|sql|cache|dns|connect|tls|queue|view|render|gc|cpu)\b")
"""Words of times that are a part of the request's."""
_BEST_TARGETS = ("uri", "url", "path", "target", "route", "resource")
"""What the client sent goes before what the server made of it."""


def own_fields(name: str, lines: Iterable[bytes]) -> UserPaths | None:
    """Where the fields are in lines of a format of `READERS`; None where a required field is uncertain."""
    values = _values(name, lines)
    request = _one(values, _REQUEST, lambda words: "request" in words)
    method = _one(values, _METHOD, lambda words: "method" in words or "verb" in words)
    target = _best_target(values)
    code = _one(values, _CODE, lambda words: _CODE_WORDS.search(words) is not None)
    if code is None or not (request or (method and target)):
        return None
    sizes = _all(values, _SIZE, lambda words: _SIZE_WORDS.search(words) is not None and not _CAME_WORDS.search(words))
    sent = [path for path in sizes if _SENT_WORDS.search(_words(path))] or sizes
    return UserPaths(
        method=None if request else method,
        path=None if request else target,
        request=request,
        code=code,
        bytes=sent[0] if len(sent) == 1 else None,
        duration=_duration(values),
    )


def own_duration(name: str, lines: Iterable[bytes]) -> str | None:
    """The path of the time taken, if exactly one name with a unit says so."""
    return _duration(_values(name, lines))


def _values(name: str, lines: Iterable[bytes]) -> dict[str, list[str]]:
    """By path, all values that are there."""
    found: dict[str, list[str]] = {}
    for line in lines:
        try:
            record: Mapping[str, Any] = READERS[name](line.rstrip(b"\r\n"))
        except BadRecord:
            continue
        for path, value in leaves(record):
            if not isinstance(value, bool) and value not in (None, "", "-"):
                found.setdefault(path, []).append(str(value))
    return found


def _words(path: str) -> str:
    """A path's words, with blanks between them."""
    return re.sub(r"[^a-z0-9]+", " ", _HUMP.sub(" ", path).lower()).strip()


def _all(values: Mapping[str, Sequence[str]], pattern: re.Pattern[str], fits: Callable[[str], bool]) -> list[str]:
    return [path for path, some in values.items() if all(map(pattern.fullmatch, some)) and fits(_words(path))]


def _one(values: Mapping[str, Sequence[str]], pattern: re.Pattern[str], fits: Callable[[str], bool]) -> str | None:
    """The only path that is so."""
    found = _all(values, pattern, fits)
    return found[0] if len(found) == 1 else None


def _best_target(values: Mapping[str, Sequence[str]]) -> str | None:
    found = _all(values, _TARGET, lambda words: bool(_TARGET_WORDS.search(words)) and not _FROM_ELSEWHERE.search(words))
    rank = {path: next(i for i, word in enumerate(_BEST_TARGETS) if word in _words(path).split()) for path in found}
    return min(found, key=rank.__getitem__, default=None)


def _duration(values: Mapping[str, Sequence[str]]) -> str | None:
    def is_time(path: str) -> bool:
        """Whether a key names a duration with its unit, and not a part of one."""
        words, last = _words(path), _words(path.rpartition(".")[2])
        return bool(unit_of_name(path) and _TIME_WORDS.fullmatch(last)) and not _PART_OF_IT.search(words)

    found = [path for path, some in values.items() if is_time(path) and all(map(_TIME.fullmatch, some))]
    return found[0] if len(found) == 1 else None
