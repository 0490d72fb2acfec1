"""Every query of every board against a real Prometheus: does each panel show something? For CI, and after a change.

A query that gives no sample is a fault, unless its panel says when that is right (`style.Text.may_be_empty`), or
nothing of the board's system is measured: then the board is absent, and its panels are not asked.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp
import msgspec

from dashboards import asking
from dashboards.frames import Frame
from dashboards.model import Board, Panel, Target, load
from dashboards.outcomes import in_columns
from dashboards.prometheus import Prometheus
from dashboards.promql import Span, span
from dashboards.systems import SYSTEMS
from foundation.errors import ConfigError, SourceError

POINTS = 300


class Outcome(NamedTuple):
    """What one query of one panel gave."""

    board: str
    panel: str
    ref: str
    status: Literal["ok", "may be empty", "absent", "empty", "error"]
    series: int = 0
    points: int = 0
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing needs to be done."""
        return self.status in {"ok", "may be empty", "absent"}


async def query_all(
    prometheus: Prometheus, boards: Iterable[Board], asked: Span, scrape_interval_s: float
) -> list[Outcome]:
    """Ask every query of `boards` over the span, with the variables as each board opens."""
    found = await asyncio.gather(*(_board(prometheus, board, asked, scrape_interval_s) for board in boards))
    return [outcome for outcomes in found for outcome in outcomes]


async def _board(prometheus: Prometheus, board: Board, asked: Span, scrape_interval_s: float) -> list[Outcome]:
    try:
        if not await _measured(prometheus, board.uid, asked):
            return [Outcome(board.uid, "(board)", "", status="absent", detail="nothing of its system is measured")]
        resolved = await asking.resolve(prometheus, board, {}, asked, strict=True)
    except SourceError as exc:
        return [Outcome(board.uid, "(variables)", "", status="error", detail=str(exc))]
    without = [
        Outcome(
            board.uid,
            f"(variable {variable.name})",
            "",
            status="may be empty" if variable.may_be_empty else "empty",
            detail=variable.may_be_empty or "it offers no value",
        )
        for variable in board.variables
        if not resolved.offers[variable.name]
    ]
    asks = [(panel, target) for panel in board.every_panel() for target in panel.targets]
    outcomes = await asyncio.gather(
        *(
            _outcome(prometheus, (board.uid, panel, target), resolved.texts, asked, scrape_interval_s)
            for panel, target in asks
        )
    )
    return [*without, *outcomes]


async def _measured(prometheus: Prometheus, uid: str, asked: Span) -> bool:
    """Whether there is anything to show; a board of no single system always has something."""
    system = next((one for one in SYSTEMS if one.uid == uid), None)
    return system is None or bool(await prometheus.range(f"group({system.measured})", asked))


async def _outcome(
    prometheus: Prometheus,
    one: tuple[str, Panel, Target],
    texts: dict[str, str],
    asked: Span,
    scrape_interval_s: float,
) -> Outcome:
    uid, panel, target = one
    alone = msgspec.structs.replace(panel, targets=[target])
    try:
        frame = await asking.ask(prometheus, alone, texts, asked, scrape_interval_s)
    except SourceError as exc:
        return Outcome(uid, panel.title, target.ref_id, status="error", detail=str(exc))
    series, points = _counted(frame)
    if points:
        return Outcome(uid, panel.title, target.ref_id, status="ok", series=series, points=points)
    status: Literal["may be empty", "empty"] = "may be empty" if panel.may_be_empty else "empty"
    detail = panel.may_be_empty or target.expr
    return Outcome(uid, panel.title, target.ref_id, status=status, series=series, detail=detail)


def _counted(frame: Frame) -> tuple[int, int]:
    """Series and samples of a frame; of a table, rows, each a sample."""
    if frame.columns:
        return len(frame.rows), len(frame.rows)
    return len(frame.lines), sum(value is not None for line in frame.lines for value in line.values)


def as_table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes in columns, those that need somebody last, and a line that sums them up."""
    head = ("board", "panel", "query", "series", "points", "status", "")
    ordered = sorted(outcomes, key=lambda outcome: not outcome.good)
    rows = [(o.board, o.panel, o.ref, str(o.series), str(o.points), o.status, o.detail) for o in ordered]
    lines = in_columns(head, rows)
    bad = sum(not outcome.good for outcome in outcomes)
    panels = len({(outcome.board, outcome.panel) for outcome in outcomes})
    return "\n".join([*lines, f"{panels} panels, {len(outcomes)} queries, {bad} of them need attention"])


async def ask_now(prometheus_url: str, folder: Path, uids: Sequence[str], range_s: int) -> list[Outcome]:
    """`query_all` for the boards of a folder, over the `range_s` seconds up to now. Raises ConfigError, SourceError."""
    boards = load(folder)
    if unknown := set(uids) - boards.keys():
        raise ConfigError(f"--board {min(unknown)}: no such board; there are {', '.join(boards)}")
    async with aiohttp.ClientSession(trust_env=False) as session:
        prometheus = Prometheus(prometheus_url, session)
        scrape_s = await prometheus.scrape_interval_s()
        asked = span(time.time(), range_s, POINTS, scrape_s)
        return await query_all(prometheus, [boards[uid] for uid in uids or boards], asked, scrape_s)
