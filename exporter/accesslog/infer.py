"""Finds the format of a log: `exporter infer` proposes a configuration."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from exporter.accesslog.bad import BadLines, excerpt
from exporter.accesslog.describe import describe
from exporter.accesslog.formats import PRESETS, Format, UserPaths, find_format
from exporter.accesslog.formats.envelope import LOOSE, EnvelopeSetting, setting_of
from exporter.accesslog.formats.keyed.other_numbers import READERS
from exporter.accesslog.formats.keyed.own_fields import own_duration, own_fields
from exporter.accesslog.formats.presets import TIMED
from exporter.accesslog.formats.strings.haproxy import without_codes
from exporter.accesslog.labels import is_method
from exporter.accesslog.parse.opening import nested, split
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import TimeUnit
from exporter.accesslog.tally import BUCKETS, COUNT, NO_ANSWER, Buckets, Tally
from exporter.sources.linefile import LineFile
from foundation.errors import BadRecord

SAMPLE_LINES = 200
ENOUGH = 0.6
"""The share of lines that must fit: logs have bad lines, but the right format fits most."""

_BETTER = 0.05
"""By how much more lines a description must fit than a format that has a name."""

_ONLY_CODES = 0.5
_WITHOUT_PATHS = ("pino",)
"""Formats whose own names are enough to know them: Fastify has the code and the path in two lines."""

_ANY = Format(name="any")

_AS_NGINX = "because nginx writes its times with three decimals"
_SECONDS = {
    "tab-timed": "the number at the end, because Tidewatch's time server writes it so",
    **dict.fromkeys(TIMED, "the number at the end, because it has a point, as the seconds that nginx writes"),
}
"""Formats whose unit is known from their name; where the name itself is a guess, the unit is unknown."""

_LISTED = (
    *("tab-timed", "tab", "traefik", "ingress-nginx", "squid-combined", "combined-timed", "vhost-combined", "combined"),
    *(
        "gunicorn",
        "common-timed",
        "vhost-common",
        "haproxy",
        "haproxy-clf",
        "squid",
        "envoy",
        "uvicorn",
        "gin",
        "php-fpm",
        "uwsgi",
        "iis-log",
    ),
    *("morgan-tiny", "morgan-short", "morgan-dev", "common", "alb", "elb", "s3", "w3c", "cloudfront", "csv", "caddy"),
    *("traefik-json", "cloudflare", "envoy-json"),
    *("gcp", "fastly", "pino", "lograge-json", "json", "lograge", "logfmt"),
)
_ORDER = (*(name for name in PRESETS if name not in _LISTED), *_LISTED)
"""Of two formats that fit the same number of lines the first is used: stricter formats come first.
A format that is not listed belongs to one program, and comes first."""


class Guess(NamedTuple):
    """A format that fits: `format` is what to write, `fits` the share of the sample's lines that it reads.

    envelope: the envelope of the lines; None without one, `none` if the user says so.
    left_out: numbers that may be durations, with an unknown unit.
    seconds: which numbers are assumed to be seconds, and why, where the log does not say so.
    no_sizes: where a format was made of the lines, and has no bytes: the numbers that may be; else None.
    fields: where JSON and logfmt lines have what, if not under usual names.
    misfit: why a named format cannot be the format of the log: too few lines are requests; with the first that is not.
    """

    format: str
    fits: float
    envelope: EnvelopeSetting | None = None
    left_out: tuple[str, ...] = ()
    seconds: str = ""
    no_sizes: tuple[str, ...] | None = None
    fields: UserPaths | None = None
    misfit: str = ""

    def parsed(self, time_unit: TimeUnit | None = None) -> Format:
        """The format. Raises ValueError."""
        return find_format(self.format, fields=self.fields, time_unit=time_unit)


Views: TypeAlias = list[tuple[EnvelopeSetting | None, bytes]]
"""What the lines may be: an envelope, and what is inside."""


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
    if best.fits >= ENOUGH or (best.format in _WITHOUT_PATHS and best.fits >= _ONLY_CODES):
        return _with_duration(best, views)
    return max(_named_by_the_program(views), key=lambda guess: guess.fits, default=None)


def _with_duration(best: Guess, views: Views) -> Guess:
    """With the duration of JSON or logfmt where it is under no usual name, but under one that has its unit."""
    if best.format not in READERS:
        return best
    lines = dict(views)[best.envelope]
    if is_timed(Reader(best.parsed(), Buckets((1.0,))).read(lines)):
        return best
    path = own_duration(best.format, split(lines))
    return best._replace(fields=UserPaths(duration=path)) if path else best


def _named_by_the_program(views: Views) -> Iterator[Guess]:
    """JSON or logfmt whose names are unusual, but say what they are."""
    for inside, lines in views:
        for name in READERS:
            if fields := own_fields(name, split(lines)):
                fits = _fits(lines, find_format(name, fields=fields))
                if fits >= ENOUGH:
                    yield Guess(name, fits, inside, fields=fields)


def _described(data: bytes, envelope: EnvelopeSetting | None) -> Guess | None:
    """Of the descriptions the one that fits most lines, finds most in them, and has the fewest fields."""
    found = []
    for one in describe(data):
        with suppress(ValueError):  # fields that nothing parts
            fits = round(_fits(data, find_format(one.format)), 2)
            seconds = f"{one.seconds}, {_AS_NGINX}" if one.seconds else ""
            guess = Guess(
                format=one.format,
                fits=fits,
                envelope=envelope,
                left_out=one.left_out,
                seconds=seconds,
                no_sizes=one.no_sizes,
            )
            found.append((fits, one.found, -one.format.count("$"), guess))
    return max(found, key=lambda item: item[:3])[3] if found else None


def fit(data: bytes, format_: str, time_unit: TimeUnit | None = None, envelope: EnvelopeSetting = "auto") -> Guess:
    """How a named format fits, in the envelope in which it fits best. Raises ValueError if it is not a format."""
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


def _views(data: bytes, setting: EnvelopeSetting) -> Views:
    """What the lines may be: what is inside of the envelopes that most of them are in, and the whole lines.

    The order matters: in whole lines a format may be found by luck, and in loose envelopes too.
    """
    if setting == "none":
        return [(setting, data)]
    if setting != "auto":
        return [(setting, opened(data, setting))]
    found = list(nested(split(data), ENOUGH))
    certain = [one for one in reversed(found) if LOOSE.isdisjoint(one)]
    loose = [one for one in found if not LOOSE.isdisjoint(one)]
    inside = [[(setting_of(one), opened(data, setting_of(one))) for one in some] for some in (certain, loose)]
    return [*inside[0], (None, data), *inside[1]]


def opened(data: bytes, setting: EnvelopeSetting) -> bytes:
    """The lines inside of envelopes; those of the standard error only where all went there."""
    reader = Reader(_ANY, Buckets((1.0,)), envelope=setting)
    inside, rest = reader.open(data), reader.unfinished()
    return inside.lines + rest.lines or inside.errors + rest.errors


def _fits(data: bytes, format_: Format) -> float:
    """The share of lines, directives aside, that give a method, a path and a code; those with only a code are halves.

    A format that has no method needs none.
    """
    tally = Reader(format_, Buckets((1.0,))).read(data)
    if all(code == NO_ANSWER for _, _, code in tally.hits):
        return 0.0  # not a single answer: the supposed code is something else
    has_method = format_.pattern is None or "(?P<method>" in format_.pattern
    requests = tally.requests
    whole = sum(
        numbers[COUNT]
        for (method, target, _), numbers in tally.hits.items()
        if target and (is_method(method) if has_method else True)
    )
    bad = sum(count for reason, count in tally.failed.items() if reason != "blank")  # of any format
    return (requests + whole) / 2 / max(1, requests + bad)


def refusal(data: bytes) -> str | None:
    """Why lines that fit no format cannot be counted, if known."""
    lines = [line.rstrip(b"\r\n") for _, inside in _views(data, "auto") for line in split(inside)]
    known = next((reason for line in lines if (reason := without_codes(line))), None)
    return known or next((reason for line in lines if line.startswith(b"{") and (reason := _not_as_json(line))), None)


def _not_as_json(line: bytes) -> str | None:
    try:
        fields = PRESETS["json"].second_look(line)
    except BadRecord as exc:
        return f"read as JSON: {exc}; name the keys of method, path and code in `fields` of format json"
    if fields and not (is_method(fields.method) and fields.target):
        return "read as JSON: no method and path found; name their keys in `fields` of format json"
    return None


def seconds_guessed(data: bytes, guess: Guess) -> str:
    """Which numbers of the sample become durations in seconds, and why, where the log does not say so; else empty."""
    if not guess.seconds:
        return ""
    reader = Reader(guess.parsed(), Buckets((1.0,)), envelope=guess.envelope or "none")
    return guess.seconds if is_timed(reader.read(data)) else ""


def is_timed(tally: Tally) -> bool:
    """Whether a request has a duration."""
    return any(sum(numbers[BUCKETS:]) for numbers in tally.hits.values())
