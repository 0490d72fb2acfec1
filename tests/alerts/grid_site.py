"""A site as Prometheus sees it: scrapes of its counters, over a rhythm and through incidents. Pure."""

import bisect
import math
import random
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


class Incident(NamedTuple):
    """What befalls a site. Start and length in seconds.

    Attributes:
        kind: what happens.
            `outage`: no requests. `errors`: requests fail. `burn`: they do, but nobody has to be woken for so few.
            `gap`: Prometheus is away and the counters go on; a clock that is set back looks the same.
            `step`: the clock is set forward: time passes without requests and without samples.
            `restart`: the exporter is away, and begins at 0. `reset`: it begins at 0, and no scrape fails.
        share: of the requests that fail.
    """

    kind: str = "none"
    start_s: int = 0
    length_s: int = 0
    share: float = 1

    def at(self, time_s: float) -> bool:
        """Whether it lasts at that time."""
        return self.start_s < time_s <= self.start_s + self.length_s

    @property
    def alarming(self) -> bool:
        """Whether somebody has to be woken."""
        return self.kind in {"outage", "errors"}

    def __str__(self) -> str:
        if not self.length_s:
            return "healthy"
        days, minutes = divmod(self.length_s // MINUTE_S, DAY_S // MINUTE_S)
        length = f"{days}d" if days else f"{minutes}m" if minutes else f"{self.length_s}s"
        return f"{self.kind}-{length}" + (f"-of-{self.share:.2%}" if self.share < 1 else "")


class Cell(NamedTuple):
    """One site in one Prometheus. Times in seconds; rate in requests/s, the mean over a whole rhythm.

    Attributes:
        incident: what is to page, or not to.
        exporters: each reads as much of the traffic; what befalls an exporter befalls the first one alone.
        also: what happens besides.
        rules: the file whose alerts are asked for, `site-log` or `slo`.
    """

    scrape_s: int
    evaluate_s: int
    rate: float
    rhythm: str
    length_s: int
    incident: Incident = Incident()
    exporters: int = 1
    also: Incident = Incident()
    rules: str = "site-log"

    def __str__(self) -> str:
        what = (
            f"{self.incident}-with-{self.also}"
            if self.also.length_s and self.rules == "site-log"
            else f"{self.incident}"
        )
        if not self.incident.length_s:
            what += f"-{self.length_s // DAY_S}d" if self.length_s >= DAY_S else f"-{self.length_s // HOUR_S}h"
        name = f"{self.rhythm}-{self.rate:g}rps-every-{self.scrape_s}s-{self.evaluate_s}s-{what}-by-{self.exporters}"
        return name if self.rules == "site-log" else f"{self.rules}-{name}"


def bursts(busy_s: float, pause_s: float) -> Callable[[float], float]:
    """Traffic that comes and goes by chance: each time and each pause has another length, of these means."""
    draw, edges_s = random.Random("bursts"), [0.0]
    while edges_s[-1] < 32 * DAY_S:
        edges_s.append(edges_s[-1] + draw.expovariate(1 / busy_s))
        edges_s.append(edges_s[-1] + draw.expovariate(1 / pause_s))
    return lambda t: (busy_s + pause_s) / busy_s if bisect.bisect(edges_s, t) % 2 else 0.0


RHYTHMS: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "tide": lambda t: 1 + 0.8 * math.sin(2 * math.pi * t / DAY_S),
    # By night a thousandth of what comes by day; it is seen first at noon.
    "nights": lambda t: 1.001 + math.sin(2 * math.pi * (t + DAY_S / 4) / DAY_S),
    "intermittent": lambda t: 5 / 3 if t % 300 < 180 else 0.0,
    "half-hours": lambda t: 2.0 if t % HOUR_S < 1800 else 0.0,
    "batch": lambda t: 12.0 if t % HOUR_S < 300 else 0.0,
    "bursts": bursts(MINUTE_S, 10 * MINUTE_S),
    "nightly": lambda t: 48.0 if (t + DAY_S / 2) % DAY_S < 1800 else 0.0,
    # Two shifts a day, one ten times as busy as the other, and an odd day two weeks after the first.
    "shifts": lambda t: (10.0 if t % DAY_S > DAY_S / 2 else 1.0) * (3 if 14 <= t // DAY_S < 15 else 1),
}


class Scrape(NamedTuple):
    """Counters as promtool writes them: requests that succeed, that fail, log lines. `_` is no sample."""

    good: str
    failed: str
    lines: str


def scrapes(cell: Cell, exporter: int = 0) -> Iterator[Scrape]:
    """What Prometheus stores of one exporter, from 0 to the end of the cell."""
    draw = random.Random(f"{cell.rhythm} {cell.rate} {cell.scrape_s} {exporter or ''}")
    incidents = [one for one in (cell.incident, cell.also) if not exporter or one.alarming]
    good = failed = 0
    down = False
    for time_s in range(0, cell.length_s + 1, cell.scrape_s):
        now = {one.kind for one in incidents if one.at(time_s)}
        mean = cell.rate * RHYTHMS[cell.rhythm](time_s) * cell.scrape_s
        arrived = poisson(draw, mean) if now.isdisjoint({"outage", "step"}) else 0
        share = max((one.share for one in incidents if one.at(time_s) and one.kind in {"errors", "burn"}), default=0)
        bad = arrived if share == 1 else min(arrived, poisson(draw, arrived * share)) if share else 0
        failed += bad
        good += arrived - bad
        if not now.isdisjoint({"reset", "restart"}):
            good = failed = 0
        if now.isdisjoint({"gap", "step", "restart"}):
            yield Scrape(str(good), str(failed), str(good + failed))
        else:
            yield Scrape(*["stale" if "restart" in now and not down else "_"] * 3)
        down = "restart" in now


def usual_pauses_s(cell: Cell) -> list[int]:
    """From one scrape that shows a request to the next, in the two days before the incident."""
    start_s = cell.incident.start_s or cell.length_s
    pauses_s, last_s, lines = [0], 0, ""
    for number, scrape in enumerate(scrapes(cell._replace(length_s=start_s, incident=Incident(), also=Incident()))):
        time_s = number * cell.scrape_s
        if scrape.lines == lines:
            continue
        if last_s >= start_s - 2 * DAY_S:
            pauses_s.append(time_s - last_s)
        last_s, lines = time_s, scrape.lines
    return pauses_s


def patience_s(cell: Cell) -> float:
    """How long a site may be dead, at most, before it pages.

    Of a service level: until an hour has 14.4 times what is allowed (0.1 %), with a fifth more for chance. Of others:
    Two minutes or four scrapes, or the longest usual pause and two scrapes (and four standard deviations of the pauses
    that chance does not explain, where they differ), or until 15 requests are missing; and an evaluation.
    """
    if cell.rules == "slo":
        burnt_s = 1.2 * HOUR_S * 0.0144 / cell.incident.share
        return max(3 * MINUTE_S, burnt_s, 15 / cell.rate) + 2 * cell.scrape_s + cell.evaluate_s
    pauses_s = usual_pauses_s(cell)
    unexplained_s = [pause_s for pause_s in pauses_s if pause_s > max(MINUTE_S, 15 / cell.rate)]
    spread_s = 4 * statistics.pstdev(unexplained_s) if unexplained_s else 0
    usual_s = max(2 * MINUTE_S, 4 * cell.scrape_s, max(pauses_s) + max(2 * cell.scrape_s, spread_s), 15 / cell.rate)
    return usual_s + cell.evaluate_s


def back_s(cell: Cell) -> int:
    """When requests come again after the incident: a rhythm may rest at its end, and nobody can know of it before."""
    end_s = cell.incident.start_s + cell.incident.length_s or cell.length_s
    return next((t for t in range(end_s, cell.length_s, cell.scrape_s) if RHYTHMS[cell.rhythm](t)), cell.length_s)


def poisson(draw: random.Random, mean: float) -> int:
    """A number of arrivals; beyond 50 the normal distribution is near enough."""
    if mean > 50:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    number, left = 0, draw.expovariate(1.0)
    while left < mean:
        number, left = number + 1, left + draw.expovariate(1.0)
    return number
