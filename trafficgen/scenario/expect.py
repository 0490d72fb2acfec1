"""What the monitoring must say of a run, and whether it did. Pure: observations come in with their time.

`alert SiteServerErrors firing within 60s, resolved within 180s after errors`: firing counts from the start of the fault
(or phase) that is named, resolved from its end. `no alerts but Watchdog`: none other fires while the traffic runs.
"""

import math
import re
from dataclasses import KW_ONLY, dataclass

from foundation.errors import ConfigError
from trafficgen.report.verdict import Verdict
from trafficgen.units import parse_duration

_ALERT = re.compile(
    r"alert (?P<name>[A-Za-z_]\w*) firing within (?P<firing>[^\s,]+)"
    r"(?:, resolved within (?P<resolved>[^\s,]+))?(?: after (?P<after>\S.*?))?\s*\Z"
)
_NONE = re.compile(r"no alerts?(?: (?P<name>(?!but\b)[A-Za-z_]\w*))?(?: but (?P<but>\w+(?:, \w+)*))?\s*\Z")
_SYNTAX = (
    "write 'alert NAME firing within 60s[, resolved within 180s][ after FAULT]' or 'no alert[s] [NAME] [but NAME, ...]'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of `expect`."""

    text: str
    alert: str | None  # None: any alert
    _: KW_ONLY
    firing_s: float | None = None  # None: it must not fire at all
    resolved_s: float | None = None
    after: str | None = None
    but: frozenset[str] = frozenset()


def parse_expectation(text: str) -> Expectation:
    """Read one line of `expect`. Raises ConfigError."""
    if match := _ALERT.match(text.strip()):
        resolved = match["resolved"]
        return Expectation(
            text=text,
            alert=match["name"],
            firing_s=parse_duration(match["firing"], what=text),
            resolved_s=None if resolved is None else parse_duration(resolved, what=text),
            after=match["after"],
        )
    if match := _NONE.match(text.strip()):
        return Expectation(text=text, alert=match["name"], but=frozenset((match["but"] or "").split(", ")))
    raise ConfigError(f"$.expect: {text!r} is not understood; {_SYNTAX}")


@dataclass(frozen=True, slots=True)
class Seen:
    """The names of the alerts that were firing at one moment of the run."""

    at_s: float
    prometheus: frozenset[str]
    alertmanager: frozenset[str] | None  # None: not asked


class Judge:
    """Follows one expectation through a run, from observation to observation."""

    def __init__(self, expectation: Expectation, start_s: float, end_s: float) -> None:
        """`start_s`, `end_s`: of the fault, in seconds of the run; `end_s` is infinite if it lasts to the end."""
        self.expectation = expectation
        self.verdict: Verdict | None = None  # None: still open
        self._start_s, self._end_s = start_s, end_s
        firing_s, resolved_s = expectation.firing_s, expectation.resolved_s
        self.deadline_s = math.inf if firing_s is None else start_s + firing_s  # after it, no observation can help
        if resolved_s is not None:
            self.deadline_s = max(self.deadline_s, end_s + resolved_s)
        self._old: frozenset[str] = frozenset()
        self._firing_s: float | None = None
        self._delivered_s: float | None = None

    def observe(self, seen: Seen) -> None:
        """Take an observation in; observations come in order of time."""
        if self.verdict is not None:
            return
        if self.expectation.firing_s is None:
            self._observe_none(seen)
        elif seen.at_s < self._start_s:
            if self.expectation.alert in seen.prometheus:
                self._decide(f"it was firing before {self._start_s:.1f} s, where the fault began")
        elif self._firing_s is None or self._delivered_s is None:
            self._observe_firing(seen, self.expectation.firing_s)
        else:
            self._observe_resolved(seen)

    def finish(self, at_s: float, why: str = "") -> None:
        """Nothing more will be observed: what is open is decided. `why`: what prevented it."""
        if self.verdict is not None:
            return
        if self.expectation.firing_s is None:
            self._decide(why)
        elif self._firing_s is None:
            self._decide(why or f"not firing until {at_s:.1f} s, when the run ended")
        else:
            self._decide(why or f"not over at {at_s:.1f} s, when the run ended")

    def _observe_none(self, seen: Seen) -> None:
        fired = (seen.prometheus | (seen.alertmanager or frozenset())) - self.expectation.but
        # what was firing before the traffic is not its doing, until it is over and comes again
        self._old = fired if seen.at_s < 0 else self._old & fired
        named = fired - self._old
        if self.expectation.alert is not None:
            named &= {self.expectation.alert}
        if named:
            self._decide(f"{', '.join(sorted(named))} firing at {seen.at_s:.1f} s")

    def _observe_firing(self, seen: Seen, within_s: float) -> None:
        after_s, alert = seen.at_s - self._start_s, self.expectation.alert
        if self._firing_s is None and alert in seen.prometheus:
            self._firing_s = after_s
        if self._delivered_s is None and (seen.alertmanager is None or alert in seen.alertmanager):
            self._delivered_s = self._firing_s if seen.alertmanager is None else after_s
        if self._firing_s is not None and self._delivered_s is not None:
            if max(self._firing_s, self._delivered_s) > within_s:
                self._decide(f"firing only after {max(self._firing_s, self._delivered_s):.1f} s")
            elif self.expectation.resolved_s is None:
                self._decide("")
        elif after_s > within_s:
            where = "in Prometheus" if self._firing_s is None else "in Alertmanager"
            self._decide(f"not firing {where} within {within_s:g} s")

    def _observe_resolved(self, seen: Seen) -> None:
        within_s = self.expectation.resolved_s
        after_s = seen.at_s - self._end_s
        if after_s < 0 or within_s is None:
            return
        if self.expectation.alert not in seen.prometheus | (seen.alertmanager or frozenset()):
            self._decide("" if after_s <= within_s else f"resolved only after {after_s:.1f} s", resolved_s=after_s)
        elif after_s > within_s:
            self._decide(f"not resolved within {within_s:g} s")

    def _decide(self, why: str, *, resolved_s: float | None = None) -> None:
        self.verdict = Verdict(
            expectation=self.expectation.text,
            held=not why,
            why=why,
            firing_after_s=_rounded(self._firing_s),
            alertmanager_after_s=_rounded(self._delivered_s),
            resolved_after_s=_rounded(resolved_s),
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
