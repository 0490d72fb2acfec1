"""Which format is this log in? `exporter infer` proposes what to write into the configuration."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import yaml

from exporter.accesslog.describe import describe
from exporter.accesslog.formats import PRESETS, Format, Unitless, find_format
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router, compile_template
from exporter.accesslog.tally import COUNT, NO_ANSWER, Buckets
from exporter.sources.files import LineFile
from foundation.terminal import printable

SAMPLE_LINES = 200
ENOUGH = 0.6
"""The share of lines that must fit: logs have bad lines, but the right format fits most."""

_PROPOSED_ROUTES = 12
_EXAMPLES = 3

_ORDER = (
    *("tab-timed", "tab", "traefik", "combined-timed", "vhost-combined", "combined", "common-timed", "vhost-common"),
    *("common", "alb", "elb", "s3", "w3c", "cloudfront", "caddy", "traefik-json", "cloudflare", "envoy-json"),
    *("gcp", "fastly", "pino", "lograge-json", "json", "lograge", "logfmt"),
)
"""Of two formats that fit as many lines the first is meant: what asks for more stands before what asks for less."""


class Guess(NamedTuple):
    """A format that fits: `format` is what to write, `fits` the share of the sample's lines that it reads."""

    format: str
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
        return Guess(name, best)
    for text in describe(data):
        fits = _fits(data, find_format(text))
        if fits >= ENOUGH:
            return Guess(text, fits)
    return None


def _fits(data: bytes, format_: Format) -> float:
    """The share of lines, directives aside, that give a method, a path and a code."""
    tally = Reader(format_, Buckets((1.0,))).read(data)
    if all(code == NO_ANSWER for _, _, code in tally.hits):
        return 0.0  # not a single answer: what was taken for the code is something else
    good = sum(numbers[COUNT] for (method, target, _), numbers in tally.hits.items() if method and target)
    directives = tally.lines - sum(tally.failed.values()) - sum(n[COUNT] for n in tally.hits.values())
    return good / max(1, tally.lines - directives)


def unitless(data: bytes, reader: Reader) -> Unitless | None:
    """Where lines have a number that is no duration as nobody knows its unit; `text`: a few of them, for people."""
    found = [number for line in data.splitlines() if (number := reader.find_unitless(line))]
    texts = list(dict.fromkeys(number.text for number in found))[:_EXAMPLES]
    return Unitless(found[0].where, b", ".join(texts)) if found else None


def propose(log: str, data: bytes, guess: Guess) -> str:
    """The source block for the configuration, in YAML, with the codes and routes that the sample has."""
    reader = Reader(find_format(guess.format), Buckets((1.0,)))
    tally = reader.read(data)
    router = Router([])
    routes: Counter[str] = Counter()
    for (_, target, _), numbers in tally.hits.items():
        routes[router.route(target)] += numbers[COUNT]
    block: dict[str, object] = {
        "source": _source_name(log),
        "paths": [str(Path(log).absolute())],
        "format": guess.format,
    }
    block["routes"] = [route for route, _ in routes.most_common(_PROPOSED_ROUTES) if _is_template(route)]
    block["codes"] = sorted({int(code) for _, _, code in tally.hits} | {500})
    text = yaml.safe_dump(
        {"accesslog": [block]}, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )
    number = unitless(data, reader)
    return f"# {guess.fits:.0%} of the first {tally.lines} lines fit this format.\n{_unit_wanted(number)}{text}"


def _unit_wanted(number: Unitless | None) -> str:
    if number is None:
        return ""
    return (
        f"# Left out: {printable(number.where)} ({number.text.decode()}), which may be how long each request took, "
        "but in which unit\n# only the server's configuration tells (Apache: %D is us, %{ms}T is ms, %T is s). "
        "Add `time_unit: us` (or s, ms, ns)\n# to get durations.\n"
    )


def _is_template(route: str) -> bool:
    try:
        compile_template(route)
    except ValueError:  # `other`, and paths with braces of their own
        return False
    return True


def _source_name(log: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", Path(log).name.partition(".")[0])
    return name or "site"
