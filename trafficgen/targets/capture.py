"""Values taken from an answer: `json:$.token`, `header:X-Token`, `cookie:sid`, `regex:id=([0-9]+)`. Pure."""

import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from foundation.errors import BadRecord
from foundation.jsonread import read_json
from foundation.terminal import printable

MAX_ANSWER_BYTES = 1 << 20  # of an answer that values are taken from
KINDS = ("json", "header", "cookie", "regex")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
_TAKEN = frozenset({"uuid", "seq", "random", "csv"})
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d{1,9})\]|\[\"([^\"]*)\"\]|\['([^']*)'\]")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Capture:
    """One value: its name, where it is, and the pattern or path there."""

    name: str
    kind: str
    what: str
    path: tuple[str | int, ...] = ()  # of json
    pattern: re.Pattern[str] | None = None  # of regex

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}:{self.what})"


class Answer(NamedTuple):
    """A response, whole."""

    headers: tuple[tuple[str, str], ...]  # names in small letters
    body: bytes


def read_capture(name: str, text: str) -> Capture:
    """Read one entry of `capture`. Raises ValueError in words."""
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ValueError(f"capture: invalid name {printable(name[:40])!r}: expected a word that is not a field already")
    kind, colon, what = text.partition(":")
    if kind not in KINDS or not colon or not what:
        raise ValueError(
            f"capture {name}: expected json:$.token, header:NAME, cookie:NAME or regex:PATTERN, "
            f"got {printable(text[:60])!r}"
        )
    if kind == "json":
        return Capture(name, kind, what, path=_json_path(name, what))
    if kind != "regex":
        return Capture(name, kind, what)
    try:
        return Capture(name, kind, what, pattern=re.compile(what))
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"capture {name}: invalid pattern: {exc}") from exc


def _json_path(name: str, text: str) -> tuple[str | int, ...]:
    found: list[str | int] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if not match:
            break
        found.append(int(match[2]) if match[2] else next(g for g in (match[1], match[3], match[4]) if g is not None))
        at = match.end()
    if not text.startswith("$") or at < len(text):
        raise ValueError(f"capture {name}: invalid path {printable(text[:60])!r}: expected one like $.items[0].id")
    return tuple(found)


def taken(capture: Capture, answer: Answer, now_s: float) -> str | None:
    """The value, None where the answer does not have it, or deletes the cookie. `now_s`: Unix time of the answer."""
    if capture.kind == "header":
        return next((value for name, value in answer.headers if name == capture.what.lower()), None)
    if capture.kind == "cookie":
        return _from_cookies(capture.what, answer, now_s)
    if capture.kind == "json":
        return _from_json(capture, answer.body)
    assert capture.pattern is not None
    match = capture.pattern.search(answer.body.decode("utf-8", "replace"))
    return None if match is None else match[1 if capture.pattern.groups else 0]


def _from_cookies(name: str, answer: Answer, now_s: float) -> str | None:
    kept: dict[str, str] = {}  # by path
    for cookie in set_cookies(answer, now_s):
        if cookie.name == name:
            kept.pop(cookie.path, None)
            if cookie.expires_s > now_s:
                kept[cookie.path] = cookie.value
    return next(reversed(kept.values()), None)


def _from_json(capture: Capture, body: bytes) -> str | None:
    try:
        value: Any = read_json(body)
    except BadRecord:
        return None
    for step in capture.path:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value if isinstance(value, str) or value is None else json.dumps(value)


class Cookie(NamedTuple):
    """One Set-Cookie.

    path: empty if it does not say so.
    expires_s: Unix time of its end, by `Max-Age` or `Expires`; -inf if its `Max-Age` deletes it, inf if neither sets
        an end.
    """

    name: str
    value: str
    path: str
    expires_s: float


def set_cookies(answer: Answer, now_s: float) -> list[Cookie]:
    """The cookies of an answer that came at Unix time `now_s`; what has no name is left out, as RFC 6265 has it."""
    found = []
    for name, value in answer.headers:
        if name != "set-cookie":
            continue
        pair, *attributes = value.split(";")
        key, equals, content = pair.partition("=")
        if not equals or not key.strip():
            continue
        said = {k.strip().lower(): v.strip() for k, _, v in (one.partition("=") for one in attributes)}
        path = said.get("path", "")
        found.append(
            Cookie(key.strip(), content.strip(), path if path.startswith("/") else "", _expires_s(said, now_s))
        )
    return found


def _expires_s(said: Mapping[str, str], now_s: float) -> float:
    """Max-Age goes before Expires, what cannot be read is ignored, every date is UTC (RFC 6265, 5.1 to 5.3)."""
    age = said.get("max-age", "")
    if re.fullmatch(r"-?[0-9]+", age):
        return -math.inf if age.startswith("-") or not age.strip("0") else now_s + float(age)
    try:
        return parsedate_to_datetime(said.get("expires", "")).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return math.inf


def read_answer(raw: bytes) -> Answer | None:
    """A response as it came, interim ones before it; None when it is not whole, or larger than it may be."""
    while match := _BLANK_LINE.search(raw):
        head, raw = raw[: match.start()], raw[match.end() :]
        if head[9:10] != b"1":
            headers = _headers(head)
            body = _body(dict(headers), raw)
            return None if body is None else Answer(headers, body)
    return None


def _headers(head: bytes) -> tuple[tuple[str, str], ...]:
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).split(b"\n")[1:]
    pairs = (line.decode("utf-8", "replace").partition(":") for line in lines)
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


def _body(headers: Mapping[str, str], raw: bytes) -> bytes | None:
    if headers.get("transfer-encoding", "").lower().endswith("chunked"):
        chunks = []
        while (match := re.match(rb"\s*([0-9a-fA-F]{1,15})[^\n]*\n", raw)) and int(match[1], 16):
            size = int(match[1], 16)
            chunks.append(raw[match.end() : match.end() + size])
            raw = raw[match.end() + size :]
        raw = b"".join(chunks)
    return decoded(headers, raw)


def decoded(headers: Mapping[str, str], raw: bytes) -> bytes | None:
    """A body without its content coding; None if it cannot be decoded, is cut, or is larger than it may be."""
    if raw and headers.get("content-encoding", "").lower() in {"gzip", "deflate"}:
        packed = zlib.decompressobj(47)
        try:
            raw = packed.decompress(raw, MAX_ANSWER_BYTES + 1)
        except zlib.error:
            return None
        if not packed.eof:
            return None
    return raw if len(raw) <= MAX_ANSWER_BYTES else None
