"""The alerts on a site's traffic over a grid of scrape intervals, evaluation intervals, traffic, rhythms and incidents.

`python tests/alerts/grid.py` runs all of it by promtool and prints a table; `test_grid.py` runs a part.
Sites of one evaluation interval stand side by side in one file of promtool's unit tests, as they do in one Prometheus:
an evaluation costs more than a site in it. Their samples are drawn, their alerts are what promtool computes.
"""

import argparse
import hashlib
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import yaml
from grid_cells import ALL
from grid_site import DAY_S, HOUR_S, MINUTE_S, Cell, Scrape, back_s, patience_s, scrapes

RULES = Path(__file__).resolve().parents[2] / "alerts" / "rules"
FILES = (RULES / "site-log.yml", RULES / "slo.yml")
BATCH = 12
"""Sites in one file, at most: so much is lost when a run is interrupted."""
UNDRAWN = re.compile(
    "duration_seconds|response_bytes|rate10s|requests_other|hosting|log_(readable|last|lost|lag|lines_failed)"
)
"""Rules on series that no cell has, which give nothing, and those for the boards alone."""
Sample = tuple[dict[str, str], float]
"""Labels and value."""


class Result(NamedTuple):
    """What fired. Counts are of evaluations; seconds from the beginning of the incident.

    Attributes:
        firing: evaluations by (alertname, severity), over all of the cell.
        false_pages: evaluations of pages while nobody has to be woken.
        delay_s: until the first page, or None.
        coverage: the share of the time after the first page until the incident's end in which a page fired.
        recovery: evaluations by alertname from 20 minutes after requests came again on; of a service level of pages,
            from 45 minutes on, for the budget that an incident took stays taken.
    """

    firing: dict[tuple[str, str], float]
    false_pages: float
    delay_s: float | None
    coverage: float
    recovery: dict[str, float]


def questions(cell: Cell, source: str) -> dict[str, str]:
    """What is asked at the end of the cell: PromQL by the name of the answer."""
    end = cell.length_s
    start, length = cell.incident.start_s or end, cell.incident.length_s or MINUTE_S
    after = max(0, end - start - length)
    back = end - back_s(cell)
    quiet = start if cell.incident.alarming else end
    firing = f'ALERTS{{alertstate="firing", source="{source}"}}'
    pages = f'ALERTS{{alertstate="firing", severity="page", source="{source}"}}'
    meanwhile = f"[{length}s:{cell.evaluate_s}s]{_offset(after)}"
    later, settled_s = (pages, 45 * MINUTE_S) if cell.rules == "slo" else (firing, 20 * MINUTE_S)
    return {
        "firing": f"sum by (alertname, severity) (count_over_time({firing}[{end}s]))",
        "false": f"sum by (alertname) (count_over_time({pages}[{quiet}s]{_offset(end - quiet)}))",
        "first": f"min_over_time(timestamp(sum({pages})){meanwhile})",
        "during": f"count_over_time(sum({pages}){meanwhile})",
        "recovery": f"sum by (alertname) (count_over_time({later}[{max(cell.evaluate_s, back - settled_s)}s]))",
    }


def _offset(seconds: int) -> str:
    return f" offset {seconds}s" if seconds else ""


def promtool_file(cells: Sequence[Cell], asked: Sequence[Mapping[str, str]], rules: Path) -> Iterator[str]:
    """Lines of a file of unit tests. It expects no answer, so that promtool prints those there are."""
    interval_s = math.gcd(*(cell.scrape_s for cell in cells))
    groups = ", ".join(group["name"] for group in yaml.safe_load(rules.read_text("utf-8"))["groups"])
    yield from (f"rule_files: ['{rules}']", f"group_eval_order: [{groups}]")  # else in any, another each time
    yield from (f"evaluation_interval: {cells[0].evaluate_s}s", "tests:")
    yield from (f"  - interval: {interval_s}s", "    input_series:")
    for number, cell in enumerate(cells):
        for exporter in range(cell.exporters):
            labels = f'job="exporter", instance="e{number}-{exporter}", source="site{number}"'
            good, failed, lines = _values(scrapes(cell, exporter), cell.scrape_s // interval_s)
            yield from _series(f'tidewatch_http_requests_total{{{labels}, code="200"}}', good)
            yield from _series(f'tidewatch_http_requests_total{{{labels}, code="500"}}', failed)
            yield from _series(f"tidewatch_log_lines_total{{{labels}}}", lines)
    yield "    promql_expr_test:"
    for cell, exprs in zip(cells, asked, strict=True):
        for expr in exprs.values():
            yield from (f"      - expr: '{expr}'", f"        eval_time: {cell.length_s}s")


def _values(drawn: Iterable[Scrape], every: int) -> Iterator[str]:
    """The three counters, each with a sample at every so many intervals."""
    between = f" _x{every - 1} " if every > 1 else " "
    return (between.join(values) for values in zip(*drawn, strict=True))


def _series(name: str, values: str) -> Iterator[str]:
    yield from (f"      - series: '{name}'", f"        values: '{values}'")


def drawn_rules(rules: Path, folder: Path) -> Path:
    """The rules on what is drawn, in a file of that folder."""
    file = yaml.safe_load(rules.read_text("utf-8"))
    for group in file["groups"]:
        group["rules"] = [one for one in group["rules"] if not UNDRAWN.search(f"{one.get('record')} {one['expr']}")]
    path = folder / rules.name
    path.write_text(yaml.safe_dump(file), "utf-8")
    return path


def answers(cells: Sequence[Cell], ask: Callable[[Cell, str], Mapping[str, str]]) -> list[dict[str, list[Sample]]]:
    """What PromQL asked at the end of each cell answers, by name.

    Args:
        cells: of one evaluation interval and one file of rules.
        ask: PromQL by name for a cell and its `source`.

    Raises:
        AssertionError: with what promtool says, if it does not run.
    """
    rules = RULES / f"{cells[0].rules}.yml"
    asked = [ask(cell, f"site{number}") for number, cell in enumerate(cells)]
    with tempfile.TemporaryDirectory(prefix="grid-") as folder:
        path = Path(folder, "cells.yml")
        lines = promtool_file(cells, asked, drawn_rules(rules, Path(folder)))
        path.write_text("\n".join(lines) + "\n", "utf-8")
        quick = os.environ | {"GOGC": "800"}  # a quarter less time for 100 MB more
        command = ["promtool", "test", "rules", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=quick)
    said = done.stdout + done.stderr
    assert "FAILED:" in said or "SUCCESS" in said, said[:2000]
    found = re.findall(r'expr: "(.+)", time: .*\n\s+exp: nil\n\s+got: (.*)', said)
    got = {expr.replace('\\"', '"'): _samples(samples) for expr, samples in found}
    return [{name: got.get(expr, []) for name, expr in exprs.items()} for exprs in asked]


def _samples(text: str) -> list[Sample]:
    """The samples that promtool printed."""
    samples = re.findall(r"\{([^}]*)\} ([0-9.E+-]+)", text)
    return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)) for labels, value in samples]


def measure(cells: Sequence[Cell]) -> dict[Cell, Result]:
    """Run cells of one evaluation interval and one file of rules. Raises AssertionError as `answers` does."""
    got = answers(cells, questions)
    return {cell: _result(cell, answer) for cell, answer in zip(cells, got, strict=True)}


def _result(cell: Cell, got: Mapping[str, list[Sample]]) -> Result:
    incident = cell.incident
    first = got["first"][0][1] if got["first"] else None
    during = got["during"][0][1] if got["during"] else 0.0
    left_s = incident.start_s + incident.length_s - first if first is not None else 0.0
    return Result(
        firing={(labels["alertname"], labels["severity"]): value for labels, value in got["firing"]},
        false_pages=sum(value for _, value in got["false"]),
        delay_s=None if first is None else first - incident.start_s,
        coverage=min(1.0, during / max(1.0, left_s // cell.evaluate_s)),
        recovery={labels["alertname"]: value for labels, value in got["recovery"]},
    )


def tickets_s(cell: Cell, result: Result) -> dict[str, float]:
    """How long each ticket fired, in seconds by alertname."""
    firing = result.firing.items()
    return {name: number * cell.evaluate_s for (name, severity), number in firing if severity == "ticket"}


def faults(cell: Cell, result: Result) -> list[str]:
    """The laws that do not hold."""
    broken = []
    if result.false_pages:
        broken.append("false page")
    if cell.incident.alarming and cell.incident.length_s > patience_s(cell):
        if result.delay_s is None or result.delay_s > patience_s(cell):
            broken.append("late or no page")
        if result.coverage < 1:
            broken.append("page ended early")
    if cell.incident.kind == "burn" and not tickets_s(cell, result):
        broken.append("no ticket")
    harmless = cell.incident.length_s and not cell.incident.alarming and cell.incident.kind != "burn"
    if harmless and tickets_s(cell, result).keys() - {"SiteTrafficUnknown"}:
        broken.append("false ticket")
    return [*broken, *(f"{name} after it" for name in sorted(result.recovery))]


def batches(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells that are run together, in order: of one file of rules, one evaluation interval, and one order of length."""
    rank = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
    together: defaultdict[tuple[str | int, ...], list[list[Cell]]] = defaultdict(list)
    for cell in rank:
        order = sum(cell.length_s > limit_s for limit_s in (12 * HOUR_S, 7 * DAY_S))
        fits = (cell.rules, cell.evaluate_s, order, order and cell.scrape_s % 15 and cell.scrape_s)
        if not together[fits] or len(together[fits][-1]) == BATCH:
            together[fits].append([])
        together[fits][-1].append(cell)
    found = [batch for several in together.values() for batch in several]
    return sorted(found, key=lambda batch: rank[batch[0]])


OUTPUT = Path(".tidewatch", "grid.md")
HEAD = "| cell | false pages | false tickets | paged after | paged until its end | laws broken |\n"
HEAD += "|---|---|---|---|---|---|\n"


def begun_table(path: Path, rules: Sequence[Path]) -> str:
    """The table that an interrupted run of these rules left there, or an empty one, which is written."""
    of = hashlib.sha256(b"".join(file.read_bytes() for file in rules)).hexdigest()
    head = f"<!-- {' '.join(file.name for file in rules)} {of} -->\n{HEAD}"
    if not path.exists() or not path.read_text("utf-8").startswith(head):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head, "utf-8")
    return path.read_text("utf-8")


def row(cell: Cell, result: Result) -> str:
    """One line of the table."""
    delay = "-" if result.delay_s is None else f"{result.delay_s:.0f} s of {patience_s(cell):.0f}"
    coverage = f"{result.coverage:.0%}" if cell.incident.alarming and result.delay_s is not None else "-"
    tickets = {} if cell.incident.alarming else tickets_s(cell, result)
    text = ", ".join(f"{name} {seconds / MINUTE_S:.0f} min" for name, seconds in sorted(tickets.items()))
    broken = ", ".join(faults(cell, result))
    return f"| {cell} | {result.false_pages:.0f} | {text or 0} | {delay} | {coverage} | {broken or '-'} |\n"


def main() -> int:
    """Run the cells whose names hold a word, or all. 1 where a law is broken."""
    parser = argparse.ArgumentParser(description="the alerts over scrape intervals, traffic, rhythms and incidents")
    parser.add_argument("words", nargs="*", help="run the cells whose names hold one of them")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the table; a row that it has is not run again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="promtools at a time")
    given = parser.parse_args()
    known = begun_table(given.output, FILES)
    cells = [cell for cell in ALL if not given.words or any(word in str(cell) for word in given.words)]
    left = batches(cell for cell in cells if f"| {cell} |" not in known)
    began_s = time.monotonic()
    with ThreadPoolExecutor(given.jobs) as pool, given.output.open("a", encoding="utf-8") as table:
        done = 0
        for future in as_completed(pool.submit(measure, batch) for batch in left):
            rows = [row(cell, result) for cell, result in future.result().items()]
            table.writelines(rows)
            table.flush()
            done += len(rows)
            took = f"{(time.monotonic() - began_s) / MINUTE_S:.0f} min"
            print(f"{done} of {sum(map(len, left))} cells after {took}", file=sys.stderr)
    rows = given.output.read_text("utf-8").splitlines()[3:]
    print(HEAD + "\n".join(rows))
    return int(not all(line.endswith("| - |") for line in rows))


if __name__ == "__main__":
    sys.exit(main())
