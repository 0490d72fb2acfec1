"""Patterns from the command line to curves: `tide:period=10m,amplitude=0.5`, `burst:on=5s,off=25s,factor=4`, FILE.

One pattern gives the base (constant, tide, ramp, steps, a file, the shape of a log or of a series of Prometheus); any
number of bursts and of intermittent ones may lie on top of it. What is drawn comes from the run's seed. Pure, but for
reading FILE and asking Prometheus.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from foundation.errors import ConfigError
from trafficgen.plan.curve import Line, Segment, Wave, modulate
from trafficgen.plan.drawn import Bounds, Intermittent, RandomTide
from trafficgen.plan.series import fetch_shape, is_url, parse_asked
from trafficgen.plan.shape import read_shape
from trafficgen.units import MAX_RATE_PER_S, parse_duration, shown_pattern

MAX_SCHEDULE_ROWS = 1_000_000
_JUMP_S = 1e-9  # rows this close in time are a jump
_KNOWN = (
    "constant, tide:period=,amplitude=,phase=, burst:on=,off=,factor=, intermittent:on=,off=, ramp:to=,over=, "
    "steps:rates=,every=, like:LOG, like:URL, a CSV file"
)


@dataclass(frozen=True, slots=True)
class Burst:
    """`factor` times the rate for `on_s`, then `rest` times it for `off_s`, and again."""

    on_s: float
    off_s: float
    factor: float
    rest: float

    def steps(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[tuple[float, float]]:
        """(end of the step, factor), without end; nothing is drawn."""
        del rng, duration_s
        for number in count():
            start = number * (self.on_s + self.off_s)
            yield start + self.on_s, self.factor
            yield start + self.on_s + self.off_s, self.rest


@dataclass(frozen=True, slots=True)
class Fixed:
    """A base in which nothing is drawn; its last segment has no end."""

    parts: tuple[Segment, ...]

    def segments(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[Segment]:
        """The parts."""
        del rng, duration_s
        return iter(self.parts)


class Base(Protocol):
    """A curve from time 0 to the run's end at least."""

    def segments(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[Segment]:
        """Its segments in order, drawn from `rng`, for a run of `duration_s`, None: without end."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A base curve and the bursts on it."""

    base: Base
    bursts: tuple[Burst | Intermittent, ...] = field(default=())
    duration_s: float | None = None  # where the pattern itself says when it is over: a schedule file

    def segments(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[Segment]:
        """The curve from time 0 to `duration_s` or further."""
        curve = self.base.segments(rng, duration_s)
        for burst in self.bursts:
            curve = modulate(curve, burst.steps(rng, duration_s))
        return curve


SILENCE = Pattern(Fixed((Segment(0.0, math.inf, Line(0.0)),)))
"""No request at all."""


def check_rate(rate: float | None) -> float:
    """The rate itself. Raises ConfigError unless it is above 0 and at most ten million per second."""
    if rate is None or not 0 < rate <= MAX_RATE_PER_S:  # NaN fails the comparison too
        got = "missing" if rate is None else f"{rate:g}"
        raise ConfigError(
            f"--rps: {got}; expected a number above 0 and at most {MAX_RATE_PER_S:,.0f} requests per second"
        )
    return rate


def parse_patterns(texts: tuple[str, ...], rate: float | None) -> Pattern:
    """The curve of `texts` at a base rate of `rate` per second. Raises ConfigError."""
    base: Pattern | None = None
    bursts: list[Burst | Intermittent] = []
    for text in texts:
        name, _, rest = text.partition(":")
        if name == "burst":
            bursts.append(_burst(_Options(text, rest)))
            continue
        if name == "intermittent":
            bursts.append(_intermittent(_Options(text, rest)))
            continue
        if base is not None:
            raise ConfigError(
                f"--pattern: {shown_pattern(text)!r} is a second base; "
                "only burst and intermittent can be added to another"
            )
        base = _base(text, name, rest, rate)
    if base is None:
        base = _endless(Line(check_rate(rate)))
    return Pattern(base.base, tuple(bursts), base.duration_s)


def _base(text: str, name: str, rest: str, rate: float | None) -> Pattern:
    if name == "constant" and not rest:
        return _endless(Line(check_rate(rate)))
    if name == "tide":
        return _tide(_Options(text, rest), rate)
    if name == "like":
        return _like(text, rest, rate)
    if name == "ramp":
        return _ramp(_Options(text, rest), rate)
    if name == "steps" or Path(text).is_file():
        if rate is not None:
            raise ConfigError(f"--rps: {text!r} has rates of its own; remove one of the two")
        return _steps(_Options(text, rest)) if name == "steps" else read_schedule(Path(text))
    raise ConfigError(f"--pattern: {shown_pattern(text)!r} is neither a pattern nor a file; expected one of {_KNOWN}")


def _endless(shape: Line | Wave) -> Pattern:
    return Pattern(Fixed((Segment(0.0, math.inf, shape),)))


def _tide(options: "_Options", rate: float | None) -> Pattern:
    amplitude, period_s = options.bounds("amplitude", "0.5", low=0, high=1), options.durations("period", "10m")
    phase = options.number("phase", 0.0, low=0, high=1)
    options.end()
    if amplitude.low < amplitude.high or period_s.low < period_s.high:
        return Pattern(RandomTide(check_rate(rate), amplitude, period_s, phase))
    return _endless(Wave(check_rate(rate), amplitude.low, period_s.low, phase))


def _like(text: str, rest: str, rate: float | None) -> Pattern:
    """The shape of a log's traffic or of a series, at its own rate or with the mean `rate`."""
    mean_per_s = None if rate is None else check_rate(rate)
    if is_url(rest):  # all of it, as a query may have commas
        asked = parse_asked(rest)
        length_s = _over(asked.over)
        return Pattern(fetch_shape(asked).scaled(mean_per_s=mean_per_s, length_s=length_s))
    source, *settings = rest.split(",")
    options = _Options(text, ",".join(settings))
    step_s, length_s = options.duration("step", "1m"), _over(options.text_or_none("over"))
    options.end()
    if not source:
        raise ConfigError(f"--pattern: {text!r}: expected an access log, for example like:access.log")
    return Pattern(read_shape(Path(source), step_s).scaled(mean_per_s=mean_per_s, length_s=length_s))


def _over(text: str | None) -> float | None:
    return None if text is None else parse_duration(text, what="--pattern: over")


def _ramp(options: "_Options", rate: float | None) -> Pattern:
    first = options.number("from", rate, low=0, high=MAX_RATE_PER_S)
    last = options.number("to", None, low=0, high=MAX_RATE_PER_S)
    over = options.duration("over", None)
    options.end()
    return Pattern(Fixed((Segment(0, over, Line(first, (last - first) / over)), Segment(over, math.inf, Line(last)))))


def _steps(options: "_Options") -> Pattern:
    text, every = options.text("rates"), options.duration("every", None)
    options.end()
    try:
        rates = [float(r) for r in text.split("/")]
    except ValueError:
        rates = [-1.0]
    if not all(0 <= r <= MAX_RATE_PER_S for r in rates) or not any(rates):
        raise ConfigError(
            f"--pattern: rates={text}: write rates per second with / between them, as in rates=100/200/400"
        )
    ends = [*(every * n for n in range(1, len(rates))), math.inf]
    starts = [0.0, *ends[:-1]]
    return Pattern(Fixed(tuple(Segment(a, b, Line(r)) for a, b, r in zip(starts, ends, rates, strict=True))))


def _intermittent(options: "_Options") -> Intermittent:
    drawn = Intermittent(options.duration("on", None), options.duration("off", None))
    options.end()
    return drawn


def _burst(options: "_Options") -> Burst:
    on, off = options.duration("on", None), options.duration("off", None)
    additive = options.flag("additive")
    most = MAX_RATE_PER_S if additive else (on + off) / on
    factor = options.number("factor", None, low=0, high=most)
    options.end()
    # the mean stays: what the burst adds is taken from the time between bursts
    rest = 1.0 if additive else max(0.0, (on + off - factor * on) / off)
    return Burst(on, off, factor, rest)


def read_schedule(path: Path) -> Pattern:
    """A CSV file of `seconds,rate` rows: straight lines between the rows; two rows of one time are a jump.

    The first rate holds from 0 on, the run ends at the last row. Raises ConfigError with the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            points = _points(path, csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise ConfigError(f"--pattern: {path}: {getattr(exc, 'strerror', None) or exc}") from exc
    if len(points) < 2 or points[-1][0] <= 0 or not any(rate for _, rate in points):
        raise ConfigError(f"--pattern: {path}: needs at least two rows of seconds,rate, and a rate above 0")
    if points[0][0] > 0:
        points.insert(0, (0.0, points[0][1]))
    segments = [
        Segment(a, b, Line(low, (high - low) / (b - a)), origin_s=a)
        for (a, low), (b, high) in pairwise(points)
        if b - a > _JUMP_S
    ]
    end, last = points[-1]
    return Pattern(Fixed((*segments, Segment(end, math.inf, Line(last)))), duration_s=end)


def _points(path: Path, rows: Iterator[list[str]]) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for number, row in enumerate(rows, 1):
        if not row or row[0].lstrip().startswith("#") or (number == 1 and row[0].strip().isalpha()):
            continue
        try:
            at, rate = (float(cell) for cell in row)
        except ValueError:
            at, rate = math.nan, math.nan
        if not (0 <= at < math.inf and 0 <= rate <= MAX_RATE_PER_S):
            raise ConfigError(f"--pattern: {path}:{number}: {','.join(row)!r} is not seconds,rate with both at least 0")
        if points and at < points[-1][0]:
            raise ConfigError(
                f"--pattern: {path}:{number}: {at:g} s goes back in time; the row before is at {points[-1][0]:g} s"
            )
        if len(points) >= MAX_SCHEDULE_ROWS:
            raise ConfigError(f"--pattern: {path}:{number}: more than {MAX_SCHEDULE_ROWS:,} rows")
        points.append((at, rate))
    return points


class _Options:
    """The `key=value,key=value` part of a pattern, each key taken once."""

    def __init__(self, text: str, rest: str) -> None:
        self._text = shown_pattern(text)
        self._left: dict[str, str] = {}
        for part in filter(None, (p.strip() for p in rest.split(","))):
            key, _, value = part.partition("=")
            if key in self._left:
                raise ConfigError(f"--pattern: {self._text!r}: duplicate {key}")
            self._left[key] = value

    def text(self, key: str) -> str:
        """The value of `key`, which must be given."""
        value = self._left.pop(key, "")
        if not value:
            raise ConfigError(f"--pattern: {self._text!r}: {key}= is missing; known: {_KNOWN}")
        return value

    def number(self, key: str, default: float | None, *, low: float, high: float) -> float:
        """The number of `key`, from `low` to `high`; `default` None: it must be given."""
        text = self._left.pop(key, None)
        if text is None and default is None:
            raise ConfigError(f"--pattern: {self._text!r}: {key}= is missing; known: {_KNOWN}")
        return self._number(key, default if text is None else text, low, high)

    def _number(self, key: str, given: str | float | None, low: float, high: float) -> float:
        try:
            value = math.nan if given is None else float(given)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ConfigError(f"--pattern: {self._text!r}: {key} must be a number from {low:g} to {high:g}")
        return value

    def duration(self, key: str, default: str | None) -> float:
        """The duration of `key` in seconds; `default` None: it must be given."""
        text = self._left.pop(key, default)
        if text is None:
            raise ConfigError(f"--pattern: {self._text!r}: {key}= is missing; known: {_KNOWN}")
        return parse_duration(text, what=f"--pattern: {key}")

    def text_or_none(self, key: str) -> str | None:
        """The value of `key`, None where it is not given."""
        return self._left.pop(key, None)

    def bounds(self, key: str, default: str, *, low: float, high: float) -> Bounds:
        """`0.5`, or `0.2..0.8` to draw from, both ends from `low` to `high`."""
        return self._ordered(key, [self._number(key, part, low, high) for part in self._ends(key, default)])

    def durations(self, key: str, default: str) -> Bounds:
        """`10m`, or `5m..15m` to draw from, in seconds."""
        return self._ordered(key, [parse_duration(part, what=f"--pattern: {key}") for part in self._ends(key, default)])

    def _ends(self, key: str, default: str) -> list[str]:
        low, dots, high = self._left.pop(key, default).partition("..")
        return [low, high if dots else low]

    def _ordered(self, key: str, ends: list[float]) -> Bounds:
        if ends[0] > ends[1]:
            raise ConfigError(f"--pattern: {self._text!r}: {key}: expected the lower bound first, as in 5m..15m")
        return Bounds(*ends)

    def flag(self, key: str) -> bool:
        """Whether `key` is given; its value does not matter."""
        return self._left.pop(key, None) is not None

    def end(self) -> None:
        """Refuse what nobody has asked for."""
        if self._left:
            raise ConfigError(f"--pattern: {self._text!r}: unknown {', '.join(self._left)}; known: {_KNOWN}")
