"""Recordings of browsers (HAR 1.2) to targets of one host, as the YAML of `--targets`. Pure."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import yaml

from foundation.errors import BadRecord, ConfigError
from foundation.jsonread import read_json
from trafficgen.plan.logread import clean_path
from trafficgen.targets.target import MAX_TARGETS, read_method
from trafficgen.targets.template import escaped

_OWN = frozenset(
    {"host", "content-length", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
    | {"accept-encoding", "user-agent", "origin", "referer", "priority", "upgrade-insecure-requests"}
    | {"if-none-match", "if-modified-since", "if-match", "range"}
)  # what belongs to the browser, the connection or its cache
_SECRET = frozenset({"cookie", "authorization"})
_SECRET_NAME = re.compile("token|secret|passw|pwd|api-?_?key|auth|signature|credential|session|csrf")


class _Header(msgspec.Struct):
    name: str
    value: str


class _Post(msgspec.Struct):
    text: str | None = None
    encoding: str | None = None
    params: list[dict[str, Any]] | None = None


class _Request(msgspec.Struct):
    method: str
    url: str
    headers: list[_Header] = []
    postData: _Post | None = None  # noqa: N815, as HAR has it


class _Response(msgspec.Struct):
    status: int = 0


class _Entry(msgspec.Struct):
    request: _Request
    response: _Response = msgspec.field(default_factory=_Response)


class _Log(msgspec.Struct):
    entries: list[_Entry]


class _File(msgspec.Struct):
    log: _Log


class Imported(NamedTuple):
    """The YAML, and what was left out of it, in words."""

    text: str
    left_out: list[str]


def import_har(content: bytes, name: str, origin: str | None) -> Imported:
    """The requests to one origin (the first one's without) as targets, the same ones once. Raises ConfigError."""
    try:
        recorded = read_json(content, _File)
    except BadRecord as exc:
        raise ConfigError(f"{name}: not a recording in HAR: {exc}") from exc
    by_origin: dict[str, list[_Entry]] = {}
    for entry in recorded.log.entries:
        by_origin.setdefault(_origin(entry.request.url), []).append(entry)
    others = by_origin.pop("", [])
    chosen = origin or next(iter(by_origin), "")
    if chosen not in by_origin:
        known = ", ".join(list(by_origin)[:10]) or "none"
        raise ConfigError(f"{name}: no request to {chosen or 'any host'}; it has requests to {known}")
    mine = by_origin.pop(chosen)
    left_out: Counter[str] = Counter({f"request to {other}": len(them) for other, them in by_origin.items()})
    left_out["request that is not HTTP"] += len(others)
    counts: Counter[str] = Counter()
    for entry in mine:
        target = _target(entry, left_out)
        if target is not None:
            counts[json.dumps(target)] += 1
    if not counts:
        raise ConfigError(f"{name}: no request to {chosen} was answered")
    if len(counts) > MAX_TARGETS:
        raise ConfigError(f"{name}: {len(counts):,} different requests; at most {MAX_TARGETS:,}")
    targets = [json.loads(text) | ({"weight": count} if count > 1 else {}) for text, count in counts.items()]
    text = yaml.safe_dump({"targets": targets}, sort_keys=False, allow_unicode=True, width=100)
    return Imported(f"# trafficgen --url {chosen}/ --targets THIS.yml\n{text}", list(_words(left_out)))


def _words(left_out: Counter[str]) -> Iterator[str]:
    some = [(what, count) for what, count in left_out.most_common() if count]
    yield from (f"{count:,} x {what}" for what, count in some[:10])
    if len(some) > 10:
        yield f"{sum(count for _, count in some[10:]):,} x {len(some) - 10} others"


def _origin(url: str) -> str:
    """`scheme://host:port`; empty for data:, blob:, ws: and text that is not a URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _target(entry: _Entry, left_out: Counter[str]) -> dict[str, Any] | None:
    """One entry as `--targets` takes it; None, and counted, for one that cannot be sent again."""
    request, status = entry.request, entry.response.status
    if not 200 <= status <= 999:
        left_out["request without an answer"] += 1
        return None
    try:
        target: dict[str, Any] = {"path": escaped(clean_path(request.url)), "method": read_method(request.method)}
    except ValueError:
        left_out["request with a path or method that cannot be sent"] += 1
        return None
    headers: dict[str, str] = {}
    for header in request.headers:
        name = header.name.lower()
        if name in _OWN or name.startswith((":", "sec-", "proxy-")):
            continue
        if name in _SECRET or _SECRET_NAME.search(name):
            left_out[f"header {name[:40]} (secret)"] += 1
        elif header.value.isprintable():
            headers[header.name] = escaped(header.value)
        else:
            left_out[f"header {name[:40]} (not one line of text)"] += 1
    if headers:
        target["headers"] = headers
    if request.postData is not None:
        target |= _body(request.postData, left_out)
    target["expect"] = [200, 304] if status == 304 else [status]
    return target


def _body(post: _Post, left_out: Counter[str]) -> dict[str, str]:
    if post.text is None:
        left_out["body that is not in the recording"] += bool(post.params)
        return {}
    if post.encoding == "base64":
        return {"body_base64": post.text}
    text = escaped(post.text)
    if "\r" in text or not all(c.isprintable() or c in "\n\t" for c in text):  # YAML would not keep it
        return {"body_base64": base64.b64encode(post.text.encode("utf-8", "surrogatepass")).decode()}
    return {"body": text}
