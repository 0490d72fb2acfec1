"""Which format is this log in? `exporter infer` proposes what to write into the configuration."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import yaml

from exporter.accesslog.describe import describe
from exporter.accesslog.formats import PRESETS, UNITS_NS, Format, find_format
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router, compile_template
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
    for text in describe(data):
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
    if format_.pattern is None or not format_.has_duration or format_.duration_unit_ns != UNITS_NS["s"]:
        return None
    match = re.compile(format_.pattern.encode()).fullmatch
    durations = [found["duration"] for line in data.splitlines() if (found := match(line))]
    whole = all(text.isdigit() or text == b"-" for text in durations)
    return "us" if whole and any(len(text) > 3 for text in durations) else None


def propose(log: str, data: bytes, guess: Guess) -> str:
    """The source block for the configuration, in YAML, with the codes and routes that the sample has."""
    format_ = find_format(guess.format, time_unit=guess.time_unit)
    tally = Reader(format_, Buckets((1.0,))).read(data)
    router = Router([])
    routes: Counter[str] = Counter()
    for (_, target, _), numbers in tally.hits.items():
        routes[router.route(target)] += numbers[COUNT]
    block: dict[str, object] = {
        "source": _source_name(log),
        "paths": [str(Path(log).absolute())],
        "format": guess.format,
    }
    if guess.time_unit:
        block["time_unit"] = guess.time_unit
    block["routes"] = [route for route, _ in routes.most_common(_PROPOSED_ROUTES) if _is_template(route)]
    block["codes"] = sorted({int(code) for _, _, code in tally.hits} | {500})
    text = yaml.safe_dump(
        {"accesslog": [block]}, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )
    return f"# {guess.fits:.0%} of the first {tally.lines} lines fit this format.\n{text}"


def _is_template(route: str) -> bool:
    try:
        compile_template(route)
    except ValueError:  # `other`, and paths with braces of their own
        return False
    return True


def _source_name(log: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", Path(log).name.partition(".")[0])
    return name or "site"
