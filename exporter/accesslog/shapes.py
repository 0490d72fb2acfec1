"""Paths to shapes: ids in a path are replaced by the kind of id. Pure.

Each segment is judged separately, and so are the parts between its dots: `8331.json` and `main.3f9a8b7c.js` are found.
Words that people write change between small letters, capitals, digits and signs seldom; random ones (nanoid, KSUID,
base64) at most of their letters.
"""

import base64
import binascii
import re
from itertools import pairwise

_KINDS = re.compile(
    r"""(?P<id>[0-9]+)
    |(?P<uuid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})
    |(?P<hash>(?=[a-fA-F]*[0-9])[0-9a-fA-F]{16,})
    |(?P<ulid>(?=[A-Z]*[0-9])[0-7][0-9A-HJKMNP-TV-Z]{25}|(?=[a-z]*[0-9])[0-7][0-9a-hjkmnp-tv-z]{25})
    |(?P<date>[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[T_ ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)
    |(?P<digest>[a-z0-9]{3,8}:[0-9a-fA-F]{32,})
    |(?P<short>(?=[a-f]*[0-9][0-9a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,15})
    |(?P<jwt>eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)
    |(?P<email>[A-Za-z0-9._+-]+(?:@|%40)(?![0-9]x\.)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})
    |(?P<numbers>(?![0-9]{1,3}(?:\.[0-9]{1,3}){1,2}\Z)[-+]?[0-9]+(?:(?:[-+.,:;_x]|%2[Cc])+[0-9]+)*)
    |(?P<ip>(?=[0-9a-fA-F]*:[0-9a-fA-F]*:)(?=[^0-9]*[0-9])[0-9a-fA-F:.]+)""",
    re.VERBOSE,
)
_NAMES = {"digest": "hash", "short": "hash", "jwt": "token", "numbers": "id", "ip": "id"}
"""The names of kinds, if they differ. Versions (`1.2`, `1.2.3`) are not numbers: there are few."""
_EXTENSION = re.compile(r"[A-Za-z][A-Za-z0-9]{0,9}")
_FILE_HASH = re.compile(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}")  # main.3f9a8b7c.js
_COUNTED = re.compile(r"(?<=[-_:])[0-9]{4,}(?=[-_:]|\Z)")  # ORD-2026-00123
_BUILT = re.compile(  # index-BxK3v9aQ.js, not part-Chapter1.html
    r"(.*[a-z0-9]-)(?![A-Z]?[a-z]+[0-9]+\Z)(?=[A-Za-z_-]*[0-9])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{8}", re.DOTALL
)
_TOKEN = re.compile(r"[A-Za-z0-9_=~-]+")
_LEAST_TOKEN, _SHORT_TOKEN, _LONG_TOKEN = 10, 16, 20  # characters
_TURNS = {_SHORT_TOKEN: 0.7, _LONG_TOKEN: 0.55}
_LONG_TURNS = 0.45
"""The share of neighbours that differ in kind, from which a text counts as random: 0.64 is what to expect of
64 equally likely characters, 0.3 is much for a name like `getUserProfileSettings`."""


def guess_route(path: str) -> str:
    """The path with its ids replaced by `{id}`, `{uuid}`, `{hash}`, `{ulid}`, `{date}`, `{email}` and `{token}`."""
    return "/".join(map(_segment, path.split("/")))


def _segment(text: str) -> str:
    if not text or (text.isalpha() and text.islower()):  # most are words
        return text
    if kind := _kind(text):
        return f"{{{kind}}}"
    stem, dot, rest = text.partition(".")
    if not dot or not _EXTENSION.fullmatch(rest.rpartition(".")[2]):
        return _COUNTED.sub("{id}", text)
    parts = rest.split(".")
    middle = ["{hash}" if _FILE_HASH.fullmatch(part) else part for part in parts[:-1]]
    kind = _kind(stem)
    return ".".join([f"{{{kind}}}" if kind else _stem(stem), *middle, parts[-1]])


def _stem(text: str) -> str:
    """The name of a file without its extension: without what a build or a count has added after a sign."""
    if match := _BUILT.fullmatch(text):
        return f"{match[1]}{{hash}}"
    return _COUNTED.sub("{id}", text)


def _kind(text: str) -> str | None:
    if match := _KINDS.fullmatch(text):
        return _NAMES.get(str(match.lastgroup), match.lastgroup)
    return "token" if _TOKEN.fullmatch(text) and (_is_random(text) or _is_base64_text(text)) else None


def _is_random(text: str) -> bool:
    if len(text) < _LEAST_TOKEN or (text.isalpha() and text.islower()):
        return False
    kinds = [_character(char) for char in text]
    turns = sum(a != b for a, b in pairwise(kinds)) / (len(text) - 1)
    return len(set(kinds)) >= 2 and turns >= next(
        (least for size, least in _TURNS.items() if len(text) < size), _LONG_TURNS
    )


def _character(char: str) -> str:
    return "0" if char.isdigit() else "a" if char.islower() else "A" if char.isupper() else "-"


def _is_base64_text(text: str) -> bool:
    """Whether it is printable text in base64, such as `dXNlcjoxMjM0`; few words decode to text."""
    if len(text) < 8 or len(text) % 4 or text.islower() or text.isupper():
        return False
    try:
        plain = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return all(32 <= byte < 127 for byte in plain)
