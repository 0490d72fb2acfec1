"""Which format is this log in? `exporter infer` proposes what to write into the configuration."""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import yaml

from exporter.accesslog.bad import BadLines, excerpt
from exporter.accesslog.describe import describe
from exporter.accesslog.formats import PRESETS, Format, Unitless, find_format
from exporter.accesslog.formats.envelope import OPENERS, Envelope, EnvelopeSetting
from exporter.accesslog.formats.haproxy import without_codes
from exporter.accesslog.formats.other_numbers import READERS, other_numbers
from exporter.accesslog.formats.presets import TIMED
from exporter.accesslog.labels import is_method, is_success
from exporter.accesslog.parse.opening import split
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router, compile_template
from exporter.accesslog.source import TimeUnit
from exporter.accesslog.tally import BUCKETS, COUNT, NO_ANSWER, Buckets, Tally
from exporter.sources.linefile import LineFile
from exporter.sources.lines import each_line
from foundation.errors import BadRecord
from foundation.terminal import printable

SAMPLE_LINES = 200
ENOUGH = 0.6
"""The share of lines that must fit: logs have bad lines, but the right format fits most."""

_BETTER = 0.05
"""By how much more lines a description must fit than a format that has a name."""

_ANY = Format(name="any")

_AS_NGINX = "because nginx writes its times with three decimals"
_SECONDS = {
    "tab-timed": "the number at the end, because Tidewatch's time server writes it so",
    **dict.fromkeys(TIMED, "the number at the end, because it has a point, as the seconds that nginx writes"),
}
"""Formats whose unit is known from their name, which is no knowledge where the name itself is a guess."""

_PROPOSED_ROUTES = 12
_EXAMPLES = 3
_MOST_LEFT_OUT = 6

_ORDER = (
    *("tab-timed", "tab", "traefik", "ingress-nginx", "squid-combined", "combined-timed", "vhost-combined", "combined"),
    *("gunicorn", "common-timed", "vhost-common", "haproxy", "haproxy-clf", "squid", "envoy", "uvicorn", "gin", "php-fpm"),
    *("morgan-tiny", "morgan-short", "morgan-dev", "common", "alb", "elb", "s3", "w3c", "cloudfront", "caddy"),
    *("traefik-json", "cloudflare", "envoy-json"),
    *("gcp", "fastly", "pino", "lograge-json", "json", "lograge", "logfmt"),
)
"""Of two formats that fit as many lines the first is meant: what asks for more stands before what asks for less."""

_POD_LOG = re.compile(r"/(?P<space>[^/_]+)_(?P<pod>[^/_]+)_[^/_]+/(?P<container>[^/]+)/[0-9]+\.log[^/]*\Z")
_CONTAINER_LOG = re.compile(r"(?:^|/)(?P<pod>[^/_]+)_(?P<space>[^/_]+)_(?P<container>[^/]+)-[0-9a-f]{64}\.log\Z")
_DOCKER_LOG = re.compile(r"(?:^|/)([0-9a-f]{12})[0-9a-f]{52}-json\.log[^/]*\Z")
_POD_SUFFIX = re.compile(r"(?:-[a-z0-9]{6,10})?-[a-z0-9]{5}\Z|-[0-9]+\Z")
"""What a deployment, a daemon set and a stateful set give to their pods' names."""
_NAME_CHARS = 64


class Guess(NamedTuple):
    """A format that fits: `format` is what to write, `fits` the share of the sample's lines that it reads.

    envelope: what the lines are in; None where they stand as they are, `none` where the user says so.
    left_out: numbers that may be durations, of which nobody knows.
    seconds: which numbers are taken for seconds, and why, where the log does not say so itself.
    misfit: why a format that was named cannot be the log's: too few lines are requests, and the first that is none.
    """

    format: str
    fits: float
    envelope: EnvelopeSetting | None = None
    left_out: tuple[str, ...] = ()
    seconds: str = ""
    misfit: str = ""


def sample(path: str) -> bytes:
    """The first lines of a file; none if it is empty. Raises SourceError."""
    file = LineFile(path)
    try:
        return file.peek(SAMPLE_LINES)
    finally:
        file.close()


def infer(data: bytes, envelope: EnvelopeSetting = "auto") -> Guess | None:
    """The format that fits the sample best, or None where none fits most lines."""
    views = _views(data, envelope)
    known = [
        Guess(name, _fits(lines, PRESETS[name]), inside, seconds=_SECONDS.get(name, ""))
        for inside, lines in views
        for name in _ORDER
    ]
    best = max(known, key=lambda guess: guess.fits)  # of several the first
    if best.fits < 1.0:
        for inside, lines in views:
            described = _described(lines, inside)
            if described and described.fits >= max(ENOUGH, best.fits + _BETTER):
                return described
    return best if best.fits >= ENOUGH else None


def _described(data: bytes, envelope: EnvelopeSetting | None) -> Guess | None:
    """Of the descriptions the one that fits most lines, finds most in them, and has the fewest fields."""
    found = []
    for one in describe(data):
        with suppress(ValueError):  # fields that nothing parts
            fits = round(_fits(data, find_format(one.format)), 2)
            seconds = f"{one.seconds}, {_AS_NGINX}" if one.seconds else ""
            guess = Guess(one.format, fits, envelope, one.left_out, seconds)
            found.append((fits, one.found, -one.format.count("$"), guess))
    return max(found, key=lambda item: item[:3])[3] if found else None


def fit(data: bytes, format_: str, time_unit: TimeUnit | None = None, envelope: EnvelopeSetting = "auto") -> Guess:
    """How a format that is named fits, in the envelope in which it fits best. Raises ValueError for what is none."""
    parsed = find_format(format_, time_unit=time_unit)
    views = [(None, data)] if parsed.own_regex and envelope == "auto" else _views(data, envelope)
    return max((_named(format_, parsed, lines, inside) for inside, lines in views), key=lambda guess: guess.fits)


def _named(text: str, format_: Format, lines: bytes, envelope: EnvelopeSetting | None) -> Guess:
    """The format as a guess: `fits` is the share of lines, directives aside, that are requests."""
    tally, bad = Reader(format_, Buckets((1.0,))).read(lines), BadLines()
    bad.add(tally, "", lines_before=0)
    found = bad.fit(tally.requests)
    first = min(bad.first.values(), key=lambda one: one.number, default=None)
    misfit = ""
    if first and found.is_wrong:
        misfit = f"{found} the format; the first that does not: {first.in_file()}"
    elif not found.lines and any(not _is_directive(line, format_) for line in split(lines)):
        misfit = f"{found.in_words(tally.lines)} in the format; the first: {excerpt(split(lines)[0])}"
    return Guess(text, found.requests / max(1, found.lines), envelope, misfit=misfit)


def _is_directive(line: bytes, format_: Format) -> bool:
    return format_.directive is not None and line.startswith(format_.directive)


def _views(data: bytes, setting: EnvelopeSetting) -> list[tuple[EnvelopeSetting | None, bytes]]:
    """What the lines may be: what is inside of each envelope that most of them are in, and last the whole lines.

    The order matters: in whole lines a format may be found by luck.
    """
    if setting == "none":
        return [(setting, data)]
    if setting != "auto":
        return [(setting, _opened(data, setting))]
    lines = split(data)
    least = ENOUGH * max(1, len(lines))
    inside = [one for one, opened in OPENERS.items() if sum(opened(line) is not None for line in lines) >= least]
    return [*((one, _opened(data, one)) for one in inside), (None, data)]


def _opened(data: bytes, envelope: Envelope) -> bytes:
    """The lines inside; those of the standard error only where all went there."""
    reader = Reader(_ANY, Buckets((1.0,)), envelope=envelope)
    inside, rest = reader.open(data), reader.unfinished()
    return inside.lines + rest.lines or inside.errors + rest.errors


def _fits(data: bytes, format_: Format) -> float:
    """The share of lines, directives aside, that give a method, a path and a code; those with only a code are halves.

    A format that has no method needs none.
    """
    tally = Reader(format_, Buckets((1.0,))).read(data)
    if all(code == NO_ANSWER for _, _, code in tally.hits):
        return 0.0  # not a single answer: what was taken for the code is something else
    has_method = format_.pattern is None or "(?P<method>" in format_.pattern
    requests = tally.requests
    whole = sum(
        numbers[COUNT]
        for (method, target, _), numbers in tally.hits.items()
        if target and (is_method(method) if has_method else True)
    )
    return (requests + whole) / 2 / max(1, requests + sum(tally.failed.values()))


def refusal(data: bytes) -> str | None:
    """Why lines that fit no format cannot be counted, where that is known."""
    lines = [line.rstrip(b"\r\n") for _, inside in _views(data, "auto") for line in split(inside)]
    known = next((reason for line in lines if (reason := without_codes(line))), None)
    return known or next((reason for line in lines if line.startswith(b"{") and (reason := _not_as_json(line))), None)


def _not_as_json(line: bytes) -> str | None:
    try:
        fields = PRESETS["json"].second_look(line)
    except BadRecord as exc:
        return f"as JSON, {exc}; format json with `fields` says where the method, path and code are"
    if fields and not (is_method(fields.method) and fields.target):
        return "as JSON, there is no method and path; format json with `fields` says where they are"
    return None


def unitless(data: bytes, reader: Reader, path: str = "") -> Unitless | None:
    """Where lines have a number that is no duration as nobody knows its unit; `text`: a few of them, for people."""
    found = [number for line in each_line(data) if (number := reader.find_unitless(line, path))]
    texts = list(dict.fromkeys(number.text for number in found))[:_EXAMPLES]
    return Unitless(found[0].where, b", ".join(texts)) if found else None


def propose(
    log: str, data: bytes, guess: Guess, *, state_dir: Path | None = None, time_unit: TimeUnit | None = None
) -> str:
    """The configuration of the log, in YAML, with the codes and routes that the sample has.

    `state_dir` is absolute, where it is given: with positions looked for elsewhere everything would be counted twice.
    """
    format_ = find_format(guess.format, time_unit=time_unit)
    reader = Reader(format_, Buckets((1.0,)), envelope=guess.envelope or "none")
    tally = reader.read(data)
    tally.merge(reader.finish())
    router = Router([])
    routes: Counter[str] = Counter()
    for (_, target, code), numbers in tally.hits.items():
        if is_success(code):  # what strangers ask for and never get is no route
            routes[router.route(target)] += numbers[COUNT]
    block: dict[str, object] = {
        "source": _source_name(log),
        "paths": ["/path/to/access.log" if (once := _is_read_once(log)) else str(Path(log).absolute())],
        "format": guess.format,
    }
    if time_unit:
        block["time_unit"] = time_unit
    if guess.envelope:
        block["envelope"] = guess.envelope
    block["routes"] = [route for route, _ in routes.most_common(_PROPOSED_ROUTES) if _is_template(route)]
    block["codes"] = sorted({int(code) for _, _, code in tally.hits} | {500})
    text = yaml.safe_dump(
        ({"state_dir": str(state_dir)} if state_dir else {}) | {"accesslog": [block]},
        sort_keys=False,
        default_flow_style=None,
        width=110,
        allow_unicode=True,
    )
    fits = f"{guess.fits:.0%} of the first {tally.lines} lines fit this format" if data else "The log is empty"
    wanted, timed = unitless(data, reader), _is_timed(tally)
    notes = _pods(log) + _not_there(data, guess) + _unit_wanted(wanted, guess) + _names_wanted(guess)
    if timed and not time_unit:
        notes += _seconds_taken(guess)
    if not (timed or wanted):
        notes += _field_wanted(data, guess)
    if once:
        notes += "# The lines came from a pipe; `paths` must name the file that is to be followed.\n"
    return f"# {fits}.\n{notes}{text}"


def seconds_guessed(data: bytes, guess: Guess) -> str:
    """Which numbers of the sample become durations in seconds, and why, where the log does not say so; else empty."""
    if not guess.seconds:
        return ""
    reader = Reader(find_format(guess.format), Buckets((1.0,)), envelope=guess.envelope or "none")
    return guess.seconds if _is_timed(reader.read(data)) else ""


def _is_timed(tally: Tally) -> bool:
    return any(sum(numbers[BUCKETS:]) for numbers in tally.hits.values())


def _not_there(data: bytes, guess: Guess) -> str:
    if guess.envelope not in OPENERS or not data or any(map(OPENERS[guess.envelope], split(data))):
        return ""
    return f"# None of the first lines is in the envelope {guess.envelope}.\n"


def _unit_wanted(number: Unitless | None, guess: Guess) -> str:
    if number is None:
        return ""
    known = " (Apache: %D is us, %{ms}T is ms, %T is s)" if guess.format in TIMED else ""
    return (
        f"# Left out: {printable(number.where)} ({number.text.decode()}).\n"
        f"# It may be how long each request took, but its unit is not known{known}.\n"
        "# Add `time_unit: us` (or s, ms, ns) to get durations.\n"
    )


def _seconds_taken(guess: Guess) -> str:
    if not guess.seconds:
        return ""
    return f"# Taken for seconds: {printable(guess.seconds)}.\n# If that is wrong, add `time_unit: ms` (or us, ns).\n"


def _names_wanted(guess: Guess) -> str:
    if not guess.left_out:
        return ""
    return (
        f"# Left out: {printable(', '.join(guess.left_out))}: numbers that may be how long each request took. Write\n"
        "# $duration_ms (or _s, _us, _ns) in the format where that is so, to get durations.\n"
    )


def _field_wanted(data: bytes, guess: Guess) -> str:
    """What may be the duration in lines with names, where it is not found under a usual one."""
    if guess.format not in READERS:
        return ""
    inside = _opened(data, guess.envelope) if guess.envelope in OPENERS else data
    found = other_numbers(guess.format, split(inside))
    shown = [f"{path} ({', '.join(texts[:_EXAMPLES])})" for path, texts in found.items()]
    if not shown:
        return ""
    return (
        f"# Left out: {printable(', '.join(shown[:_MOST_LEFT_OUT]))}: numbers that may be how long each request took.\n"
        "# Where that is so, add `fields: {duration: ITS_NAME}` and `time_unit: ms` (or s, us, ns) to get durations.\n"
    )


def _is_read_once(log: str) -> bool:
    return log == "-" or (Path(log).exists() and not Path(log).is_file())


def _is_template(route: str) -> bool:
    try:
        compile_template(route)
    except ValueError:  # `other`, and paths with braces of their own
        return False
    return True


def _source_name(log: str) -> str:
    if found := _POD_LOG.search(log) or _CONTAINER_LOG.search(log):
        name = "-".join(dict.fromkeys((found["space"], _POD_SUFFIX.sub("", found["pod"]), found["container"])))
    elif found := _DOCKER_LOG.search(log):
        name = f"docker-{found[1]}"
    else:
        name = Path(log).name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:_NAME_CHARS] or "site"


def _pods(log: str) -> str:
    """What to say of a pod's log, whose path is gone with the pod."""
    found = _POD_LOG.search(log)
    workload = found and _POD_SUFFIX.sub("-*", found["pod"])
    if not found or "*" not in str(workload):
        return ""
    every = f"{log[: found.start()]}/{found['space']}_{workload}_*/{found['container']}/*.log"
    return f"# This path ends with its pod; `paths: [{every}]` follows the pods to come too.\n"
