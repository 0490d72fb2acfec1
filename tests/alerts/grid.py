"""The alerts on a site's traffic over a grid of scrape intervals, evaluation intervals, traffic, rhythms and incidents.

`python tests/alerts/grid.py` runs all of it by promtool and prints a table; `test_grid.py` runs a part.
Every cell is one file of promtool's unit tests: its samples are drawn here, its alerts are what promtool computes.
"""

import math
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

RULES = Path(__file__).resolve().parents[2] / "alerts" / "rules" / "site-log.yml"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
Sample = tuple[dict[str, str], float]
"""Labels and value."""


class Incident(NamedTuple):
    """What befalls a site. kind: outage, errors, reset, gap, none; start and length in seconds."""

    kind: str = "none"
    start_s: int = 0
    length_s: int = 0

    def at(self, time_s: float) -> bool:
        """Whether it lasts at that time."""
        return self.start_s < time_s <= self.start_s + self.length_s


class Cell(NamedTuple):
    """One site in one Prometheus. Times in seconds; rate in requests/s, the mean over a whole rhythm."""

    scrape_s: int
    evaluate_s: int
    rate: float
    rhythm: str
    length_s: int
    incident: Incident = Incident()
    exporters: int = 1

    def __str__(self) -> str:
        what = f"{self.incident.kind}-{self.incident.length_s // MINUTE_S}m" if self.incident.length_s else "healthy"
        return f"{self.rhythm}-{self.rate:g}rps-every-{self.scrape_s}s-{self.evaluate_s}s-{what}-by-{self.exporters}"


class Result(NamedTuple):
    """What fired. Counts are of evaluations; seconds from the beginning of the incident.

    Attributes:
        firing: evaluations by (alertname, severity), over all of the cell.
        false_pages: evaluations of pages before the incident.
        delay_s: until the first page, or None.
        coverage: the share of the time after the first page until the incident's end in which a page fired.
        recovery: evaluations by alertname from 20 minutes after the incident's end on.
    """

    firing: dict[tuple[str, str], float]
    false_pages: float
    delay_s: float | None
    coverage: float
    recovery: dict[str, float]


RHYTHMS: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "tide": lambda t: 1 + 0.8 * math.sin(2 * math.pi * t / DAY_S),
    "intermittent": lambda t: 5 / 3 if t % 300 < 180 else 0.0,
    "half-hours": lambda t: 2.0 if t % HOUR_S < 1800 else 0.0,
    "batch": lambda t: 12.0 if t % HOUR_S < 300 else 0.0,
    "nightly": lambda t: 48.0 if (t + DAY_S / 2) % DAY_S < 1800 else 0.0,
    # Two shifts a day, one ten times as busy as the other, and an odd day two weeks after the first.
    "shifts": lambda t: (10.0 if t % DAY_S > DAY_S / 2 else 1.0) * (3 if 14 <= t // DAY_S < 15 else 1),
}


def counts(cell: Cell, *, failing: bool | None) -> Iterator[int | None]:
    """The counter at each scrape, of requests that fail, that do not, or of all; None where there is no sample."""
    draw = random.Random(f"{cell.rhythm} {cell.rate} {cell.scrape_s}")
    total = 0
    for time_s in range(0, cell.length_s + 1, cell.scrape_s):
        incident = cell.incident.kind if cell.incident.at(time_s) else ""
        mean = cell.rate * RHYTHMS[cell.rhythm](time_s) * cell.scrape_s
        arrived = poisson(draw, mean) if incident != "outage" else 0
        if failing in (None, incident == "errors"):
            total += arrived
        if incident == "reset" and cell.incident.start_s >= time_s - cell.scrape_s:
            total = 0
        yield None if incident == "gap" else total


def poisson(draw: random.Random, mean: float) -> int:
    """A number of arrivals; beyond 50 the normal distribution is near enough."""
    if mean > 50:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    number, left = 0, draw.expovariate(1.0)
    while left < mean:
        number, left = number + 1, left + draw.expovariate(1.0)
    return number


def questions(cell: Cell) -> dict[str, str]:
    """What is asked at the end of the cell: PromQL by the name of the answer."""
    end = cell.length_s
    start, length = cell.incident.start_s or end, cell.incident.length_s or MINUTE_S
    after = max(0, end - start - length)
    firing, pages = 'ALERTS{alertstate="firing"}', 'ALERTS{alertstate="firing", severity="page"}'
    meanwhile = f"[{length}s:{cell.evaluate_s}s]{_offset(after)}"
    return {
        "firing": f"sum by (alertname, severity) (count_over_time({firing}[{end}s]))",
        "before": f"sum by (alertname) (count_over_time({pages}[{start}s]{_offset(end - start)}))",
        "first": f"min_over_time(timestamp(sum({pages})){meanwhile})",
        "during": f"count_over_time(sum({pages}){meanwhile})",
        "recovery": f"sum by (alertname) (count_over_time({firing}[{max(cell.evaluate_s, after - 20 * MINUTE_S)}s]))",
    }


def _offset(seconds: int) -> str:
    return f" offset {seconds}s" if seconds else ""


def promtool_file(cell: Cell, asked: Iterable[str], rules: Path) -> str:
    """The cell as a file of unit tests. It expects no answer, so that promtool prints those there are."""
    lines = [f"rule_files: ['{rules}']", f"evaluation_interval: {cell.evaluate_s}s", "tests:"]
    lines += [f"  - interval: {cell.scrape_s}s", "    input_series:"]
    series = {
        'tidewatch_http_requests_total{%s, code="200"}': counts(cell, failing=False),
        'tidewatch_http_requests_total{%s, code="500"}': counts(cell, failing=True),
        "tidewatch_log_lines_total{%s}": counts(cell, failing=None),
    }
    for name, values in series.items():
        text = " ".join("_" if value is None else str(value) for value in values)
        for exporter in range(cell.exporters):
            labels = f'job="exporter", instance="e{exporter}", source="site"'
            lines += [f"      - series: '{name % labels}'", f"        values: '{text}'"]
    lines += ["    promql_expr_test:"]
    for question in asked:
        lines += [f"      - expr: '{question}'", f"        eval_time: {cell.length_s}s"]
    return "\n".join(lines) + "\n"


def measure(cell: Cell, rules: Path = RULES) -> Result:
    """Run the cell. Raises AssertionError with what promtool says if it does not run."""
    return _result(cell, answers(cell, questions(cell), rules))


def answers(cell: Cell, asked: Mapping[str, str], rules: Path = RULES) -> dict[str, list[Sample]]:
    """What PromQL asked at the end of the cell answers, by name. Raises AssertionError as `measure` does."""
    with tempfile.TemporaryDirectory(prefix="grid-") as folder:
        path = Path(folder, "cell.yml")
        path.write_text(promtool_file(cell, asked.values(), rules), "utf-8")
        done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "FAILED:" in said or "SUCCESS" in said, said[:2000]
    names = {question: name for name, question in asked.items()}
    got: dict[str, list[Sample]] = {name: [] for name in asked}
    for expr, samples in re.findall(r'expr: "(.+)", time: .*\n\s+exp: nil\n\s+got: (.*)', said):
        got[names[expr.replace('\\"', '"')]] = _samples(samples)
    return got


def _result(cell: Cell, got: Mapping[str, list[Sample]]) -> Result:
    incident = cell.incident
    first = got["first"][0][1] if got["first"] else None
    during = got["during"][0][1] if got["during"] else 0.0
    left_s = incident.start_s + incident.length_s - first if first is not None else 0.0
    return Result(
        firing={(labels["alertname"], labels["severity"]): value for labels, value in got["firing"]},
        false_pages=sum(value for _, value in got["before"]),
        delay_s=None if first is None else first - incident.start_s,
        coverage=min(1.0, during / max(1.0, left_s // cell.evaluate_s)),
        recovery={labels["alertname"]: value for labels, value in got["recovery"]},
    )


def _samples(text: str) -> list[Sample]:
    """The samples that promtool printed."""
    samples = re.findall(r"\{([^}]*)\} ([0-9.E+-]+)", text)
    return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)) for labels, value in samples]


PAUSES_S = {"intermittent": 120, "half-hours": 1800, "batch": 3300, "nightly": 84_600}


def patience_s(cell: Cell) -> float:
    """How long a site may be dead, at most, before it pages.

    Two minutes or four scrapes, or the longest usual pause and two scrapes, or until 15 requests are missing; and an
    evaluation.
    """
    usual_s = max(2 * MINUTE_S, 4 * cell.scrape_s, PAUSES_S.get(cell.rhythm, 0) + 2 * cell.scrape_s, 15 / cell.rate)
    return usual_s + cell.evaluate_s


def hours(number: float) -> int:
    """In seconds."""
    return round(number * HOUR_S)


DEAD = Incident("outage", hours(3), hours(5 / 6))
ILL = Incident("errors", hours(2), hours(0.5))
QUICK = [
    *(Cell(60, 60, 10, rhythm, hours(8)) for rhythm in ("tide", "intermittent", "half-hours", "batch")),
    *(Cell(60, 60, rate, "constant", hours(5), DEAD) for rate in (1, 100, 10_000)),
    Cell(60, 60, 0.05, "constant", hours(20), Incident("outage", hours(12), hours(6))),
    Cell(61, 30, 10, "constant", hours(5), DEAD),
    Cell(30, 30, 10, "intermittent", hours(5), DEAD),
    Cell(15, 15, 100, "constant", hours(3.5), Incident("outage", hours(2), hours(0.5))),
    *(Cell(60, 60, rate, "constant", hours(4), ILL) for rate in (0.05, 8 / 60, 100)),
    Cell(15, 15, 8 / 60, "constant", hours(3), Incident("errors", hours(1.5), hours(0.5))),
    Cell(60, 60, 10, "constant", hours(6), Incident("reset", hours(3), 60)),
    Cell(60, 60, 10, "constant", hours(6), Incident("gap", hours(3), hours(0.5))),
    Cell(60, 60, 10, "constant", hours(5), DEAD, exporters=2),
]
"""What `make test` runs."""

INTERVALS_S = (10, 15, 30, 60, 61)
ALL = [
    *QUICK,
    *(Cell(60, 60, 10, rhythm, 30 * DAY_S) for rhythm in RHYTHMS),
    *(Cell(s, s, 10, rhythm, hours(12)) for s in (10, 15, 30, 61) for rhythm in RHYTHMS),
    *(
        Cell(scrape_s, evaluate_s, 10, "constant", hours(4), Incident("outage", hours(2.5), hours(5 / 6)))
        for scrape_s in INTERVALS_S
        for evaluate_s in sorted({scrape_s, scrape_s // 2, 7, 13, 30})
    ),
    Cell(2, 2, 100, "constant", hours(2), Incident("outage", hours(1.5), hours(0.25))),
    *(
        Cell(60, 60, rate, "constant", start_s + length_s + hours(3), Incident("outage", start_s, length_s))
        for rate in (0.05, 1, 100, 10_000)
        for start_s, length_s in ((hours(6), 60), (hours(6), hours(6)), (hours(26), 3 * DAY_S))
    ),
    *(Cell(60, 60, rate, "tide", 3 * DAY_S, Incident("outage", hours(30), hours(6))) for rate in (1, 100)),
    *(Cell(s, s, rate, "constant", hours(5), ILL) for s in INTERVALS_S for rate in (0.05, 1, 100, 10_000)),
]
"""What `make grid` runs."""


def row(cell: Cell, result: Result) -> str:
    """One line of the table in docs/alerts.md."""
    delay = "-" if result.delay_s is None else f"{result.delay_s:.0f} s of {patience_s(cell):.0f}"
    coverage = f"{result.coverage:.0%}" if cell.incident.kind in ("outage", "errors") else "-"
    healthy = not cell.incident.length_s
    tickets = sum(value for (_, severity), value in result.firing.items() if severity == "ticket") if healthy else 0
    false = f"{result.false_pages:.0f} | {tickets * cell.evaluate_s / MINUTE_S:.0f} min"
    return f"| {cell} | {false} | {delay} | {coverage} | {', '.join(sorted(result.recovery)) or '-'} |"


def main() -> None:
    """Run the cells whose names hold an argument, or all, and print the table."""
    cells = [cell for cell in dict.fromkeys(ALL) if not sys.argv[1:] or any(word in str(cell) for word in sys.argv[1:])]
    print("| cell | false pages | false tickets | paged after | paged until its end | fires 20 min after it |")
    print("|---|---|---|---|---|---|")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for cell, result in zip(cells, pool.map(measure, cells), strict=True):
            print(row(cell, result), flush=True)


if __name__ == "__main__":
    main()
