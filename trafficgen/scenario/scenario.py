"""Scenario files: phases of traffic, fault windows over them, and what the monitoring must make of it.

A file is checked whole before anything is sent; errors name the file, the place in it and what would be right.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from foundation.config import parse_config, read_config
from foundation.errors import ConfigError, InputError
from foundation.keys import duration
from trafficgen.plan.arrivals import ArrivalMode
from trafficgen.plan.jitter import JitterMode
from trafficgen.plan.mix import Fault, Shares, as_fault, as_mix, parse_pairs
from trafficgen.plan.patterns import SILENCE, parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.scenario.expect import Expectation, parse_expectation
from trafficgen.units import MAX_DURATION_S

_Duration = Annotated[float, duration(most_s=MAX_DURATION_S)]
_Moment = Annotated[float, duration(most_s=MAX_DURATION_S, zero=True)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Mix = str | dict[str, float]


class PhaseText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `phases`.

    rate: requests per second; 0 is silence. It may be absent where the pattern has its own.
    duration: how long the phase lasts; the last one may go on until it is stopped.
    name: the name of the phase.
    pattern: how the rate changes, as `--pattern` takes it; one or several.
    mix: the faults among the requests, as `--mix` takes it, or a mapping of faults to percentages.
    jitter: how far the rate varies from interval to interval, as a share of it.
    jitter_interval: how long a drawn rate lasts.
    jitter_mode: whether the draws are balanced to keep the mean, or independent.
    """

    rate: float | None = None
    duration: _Duration | None = None
    name: str = ""
    pattern: str | list[str] = msgspec.field(default_factory=list)
    mix: _Mix | None = None
    jitter: _Share = 0.0
    jitter_interval: _Duration = 1.0
    jitter_mode: JitterMode = "balanced"


class FaultText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `faults`: a window in which other requests are sent.

    at: when it begins, from the start of the run.
    mix: the faults among all requests meanwhile, as `--mix` takes it, or a mapping of faults to percentages.
    length: how long it lasts.
    name: the name of the window.
    """

    at: _Moment
    mix: _Mix
    length: _Duration = msgspec.field(name="for")
    name: str = ""


class ScenarioText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A scenario: phases of traffic, faults over them, and what the monitoring must make of it.

    phases: phases of traffic, one after the other.
    name: the name of the scenario.
    description: what it shows, in words.
    url: where requests go; --url has precedence.
    mix: the faults among the requests of phases without their own.
    seed: the seed of the plan; by default a new one for each run.
    arrival: how requests are spaced inside the rate.
    repeat: whether phases and faults run again and again, without expectations.
    faults: windows in which other requests are sent.
    expect: what alerts must do, and when.
    """

    phases: list[PhaseText]
    name: str = ""
    description: str = ""
    url: str | None = None
    mix: _Mix | None = None
    seed: int | None = None
    arrival: ArrivalMode = "even"
    repeat: bool = False
    faults: list[FaultText] = msgspec.field(default_factory=list)
    expect: list[str] = msgspec.field(default_factory=list)


class Window(msgspec.Struct, frozen=True):
    """A named stretch of a run: a phase or a fault."""

    kind: str
    name: str
    start_s: float
    end_s: float | None  # None: until the run is stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario, checked."""

    name: str
    url: str | None
    phases: tuple[Phase, ...]
    mix: Shares | None
    faults: tuple[Fault, ...]
    expectations: tuple[Expectation, ...]
    seed: int | None
    arrival: ArrivalMode
    repeat: bool

    def windows(self) -> list[Window]:
        """Phases and faults in order of time, those of the first round."""
        found, start = [], 0.0
        for phase in self.phases:
            end = None if phase.duration_s is None else start + phase.duration_s
            found.append(Window("phase", phase.name, start, end))
            start = end or start
        found += [Window("fault", fault.name, fault.start_s, fault.end_s) for fault in self.faults]
        return sorted(found, key=lambda window: window.start_s)

    def window_of(self, expectation: Expectation) -> Window:
        """What the expectation is about: what it names, else the first fault, else the first phase."""
        windows = self.windows()
        if expectation.after is not None:
            named = next((w for w in windows if w.name == expectation.after), None)
            if named is None:
                known = ", ".join(w.name for w in windows)
                raise ConfigError(
                    f"{expectation.text!r}: no phase or fault is called {expectation.after}; known: {known}"
                )
            return named
        return next((w for w in windows if w.kind == "fault"), windows[0])


def builtin_scenarios() -> dict[str, str]:
    """The scenarios that come with the program: name -> text."""
    folder = resources.files("trafficgen.scenario") / "builtin"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".yml")]
    return {entry.name.removesuffix(".yml"): entry.read_text("utf-8") for entry in sorted(files, key=lambda e: e.name)}


def read_scenario(name: str) -> Scenario:
    """The scenario in the file `name`, or the built-in one of that name. Raises ConfigError."""
    path = Path(name)
    builtin = builtin_scenarios()
    if not path.exists() and name in builtin:
        return parse_scenario(builtin[name], name)
    if not path.exists():
        raise InputError(f"{name}: no such file, nor a scenario of the program's own ({', '.join(builtin)})")
    return _checked(read_config(path, ScenarioText), name)


def parse_scenario(text: str, name: str) -> Scenario:
    """Read and check a scenario. Raises ConfigError that starts with `name`."""
    return _checked(parse_config(text, ScenarioText, name=name), name)


def _checked(written: ScenarioText, name: str) -> Scenario:
    try:
        scenario = _build(written, name)
        for expectation in scenario.expectations:
            scenario.window_of(expectation)
    except ConfigError as exc:
        raise ConfigError(f"{name}: {exc}") from exc
    return scenario


def _build(written: ScenarioText, name: str) -> Scenario:
    phases = tuple(_phase(phase, number) for number, phase in enumerate(written.phases))
    if not phases:
        raise ConfigError("$.phases: empty; write at least one, as in - {rate: 100, duration: 60s}")
    endless = [phase for phase in phases if phase.duration_s is None]
    if endless and (endless != [phases[-1]] or written.repeat):
        raise ConfigError("$.phases: only the last one may be without a duration, and only without repeat")
    if written.repeat and written.expect:
        raise ConfigError("$.expect: a scenario that repeats has no end to judge; remove repeat or expect")
    return Scenario(
        name=written.name or Path(name).stem,
        url=written.url,
        phases=phases,
        mix=None if written.mix is None else as_mix(_pairs(written.mix, "$.mix"), "$.mix"),
        faults=tuple(_fault(fault, number) for number, fault in enumerate(written.faults)),
        expectations=tuple(parse_expectation(text) for text in written.expect),
        seed=written.seed,
        arrival=written.arrival,
        repeat=written.repeat,
    )


def _phase(written: PhaseText, number: int) -> Phase:
    where = f"$.phases[{number}]"
    texts = (written.pattern,) if isinstance(written.pattern, str) else tuple(written.pattern)
    try:
        pattern = SILENCE if written.rate == 0 and not texts else parse_patterns(texts, written.rate)
    except ConfigError as exc:
        raise ConfigError(f"{where}: {str(exc).replace('--rps', 'rate').replace('--pattern', 'pattern')}") from exc
    return Phase(
        pattern=pattern,
        duration_s=pattern.duration_s if written.duration is None else written.duration,
        mix=None if written.mix is None else as_mix(_pairs(written.mix, f"{where}.mix"), f"{where}.mix"),
        jitter=written.jitter,
        jitter_interval_s=written.jitter_interval,
        jitter_mode=written.jitter_mode,
        name=written.name or f"phase {number + 1}",
    )


def _fault(written: FaultText, number: int) -> Fault:
    where = f"$.faults[{number}]"
    return Fault(
        written.at,
        written.at + written.length,
        as_fault(_pairs(written.mix, f"{where}.mix"), f"{where}.mix"),
        written.name or f"fault {number + 1}",
    )


def _pairs(mix: _Mix, where: str) -> list[tuple[str, float]]:
    return parse_pairs(mix, where) if isinstance(mix, str) else list(mix.items())
