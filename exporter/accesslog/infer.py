"""Which format is this log in? `exporter infer` proposes what to write into the configuration."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from exporter.accesslog.formats import PRESETS, UNITS_NS, Format, find_format
from exporter.accesslog.reader import Reader
from exporter.accesslog.routes import OTHER, Router
from exporter.accesslog.source import TimeUnit
from exporter.accesslog.tally import COUNT, Buckets
from exporter.sources.files import LineFile

SAMPLE_LINES = 200
ENOUGH = 0.6
"""The share of lines that must fit: logs have bad lines, but the right format fits most."""

_PROPOSED_ROUTES = 12

_ORDER = (
    *("tab-timed", "tab", "traefik", "combined-timed", "vhost-combined", "combined", "common-timed", "vhost-common"),
    *("common", "alb", "elb", "s3", "w3c", "cloudfront", "caddy", "traefik-json", "json", "logfmt"),
)
"""Of two formats that fit as many lines the first is meant: what asks for more stands before what asks for less."""


class Guess(NamedTuple):
    """A format that fits: `format` is what to write, `fits` the share of the sample's lines that it reads."""

    format: str
    time_unit: TimeUnit | None
    fits: float


def sample(path: str) -> bytes:
    """The first lines of a file; none if it is empty. Raises SourceError."""
    for chunk in LineFile(path, chunk_bytes=1 << 18):
        return b"".join(chunk.splitlines(keepends=True)[:SAMPLE_LINES])
    return b""


def infer(data: bytes) -> Guess | None:
    """The format that fits the sample best, or None where none fits most lines."""
    known = [(_fits(data, PRESETS[name]), name) for name in _ORDER]
    best, name = max(known, key=lambda pair: (pair[0], -_ORDER.index(pair[1])))
    if best >= ENOUGH:
        return Guess(name, _time_unit(data, PRESETS[name]), best)
    for text in _strings(data):
        fits = _fits(data, find_format(text))
        if fits >= ENOUGH:
            return Guess(text, _time_unit(data, find_format(text)), fits)
    return None


def _fits(data: bytes, format_: Format) -> float:
    """The share of lines, directives aside, that give a method, a path and a code."""
    tally = Reader(format_, Buckets((1.0,))).read(data)
    good = sum(numbers[COUNT] for (method, target, _), numbers in tally.hits.items() if method and target)
    directives = tally.lines - sum(tally.failed.values()) - sum(n[COUNT] for n in tally.hits.values())
    return good / max(1, tally.lines - directives)


def _time_unit(data: bytes, format_: Format) -> TimeUnit | None:
    """Whole numbers of a thousand and more are no seconds: microseconds, as Apache's %D writes them."""
    if format_.pattern is None or not format_.has_time or format_.time_unit_ns != UNITS_NS["s"]:
        return None
    match = re.compile(format_.pattern.encode()).fullmatch
    times = [found["time"] for line in data.splitlines() if (found := match(line))]
    whole = all(time.isdigit() or time == b"-" for time in times)
    return "us" if whole and any(len(time) > 3 for time in times) else None


_TOKEN = re.compile(r"""\[(?P<bracket>[^\]]*)\]|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"\[\]$]+)""")
_REQUEST = re.compile(r"[A-Z]{3,10} \S+(?: HTTP/[0-9.]+)?")
_BARE = (  # what a bare token may be, each once and in this order of trying
    ("request_method", re.compile(r"GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS")),
    ("request_uri", re.compile(r"/\S*")),
    ("status", re.compile(r"[1-5][0-9]{2}")),
    ("body_bytes_sent", re.compile(r"[0-9]+|-")),
    ("request_time", re.compile(r"[0-9]+\.[0-9]+")),
)


def _strings(data: bytes) -> Iterator[str]:
    """Format strings that the first lines suggest."""
    for line in data.splitlines()[:3]:
        if line.isascii() and b"$" not in line and (text := _string(line.decode())):
            yield text


def _string(line: str) -> str | None:
    """The line as nginx's `log_format` would describe it; None where no status code is seen."""
    parts: list[str] = []
    seen: set[str] = set()
    end = 0
    for number, match in enumerate(_TOKEN.finditer(line)):
        parts.append(line[end : match.start()])
        end = match.end()
        name = _name(match, seen)
        seen.add(name)
        variable = f"${name or f'field{number}'}"
        parts.append(
            match[0].replace(match[match.lastgroup or 0], variable) if match[match.lastgroup or 0] else match[0]
        )
    return "".join([*parts, line[end:]]) if "status" in seen else None


def _name(match: re.Match[str], seen: set[str]) -> str:
    """The variable that a token is, or nothing."""
    if match["bracket"] is not None:
        return "time_local" if re.match(r"\d\d/[A-Z][a-z]{2}/", match["bracket"]) else ""
    if match["quoted"] is not None:
        return "request" if "request" not in seen and _REQUEST.fullmatch(match["quoted"]) else ""
    for name, pattern in _BARE:
        known = seen | ({"request_method", "request_uri"} if "request" in seen else set())
        ready = name in ("request_method", "request_uri") or known >= {"request_uri"}
        ready &= name not in ("body_bytes_sent", "request_time") or "status" in seen
        if ready and name not in known and pattern.fullmatch(match["bare"]):
            return name
    return ""


def propose(log: str, data: bytes, guess: Guess) -> str:
    """The source block for the configuration, in YAML, with the codes and routes that the sample has."""
    format_ = find_format(guess.format, time_unit=guess.time_unit)
    tally = Reader(format_, Buckets((1.0,))).read(data)
    router = Router([])
    routes: Counter[str] = Counter()
    for (_, target, _), numbers in tally.hits.items():
        routes[router.route(target)] += numbers[COUNT]
    del routes[OTHER]
    block: dict[str, object] = {
        "source": _source_name(log),
        "paths": [str(Path(log).absolute())],
        "format": guess.format,
    }
    if guess.time_unit:
        block["time_unit"] = guess.time_unit
    block["routes"] = [route for route, _ in routes.most_common(_PROPOSED_ROUTES)]
    block["codes"] = sorted({int(code) for _, _, code in tally.hits} | {500})
    text = yaml.safe_dump(
        {"accesslog": [block]}, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )
    return f"# {guess.fits:.0%} of the first {tally.lines} lines fit this format.\n{text}"


def _source_name(log: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", Path(log).name.partition(".")[0])
    return name or "site"
