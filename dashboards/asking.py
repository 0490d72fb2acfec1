"""A panel and its reader's choices to a frame: substitute, ask Prometheus, shape. Preview and `query-all` share it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dashboards.frames import Frame, frame
from dashboards.model import Board, Panel, Target, Variable
from dashboards.prometheus import Prometheus, Series
from dashboards.promql import ALL_CHOICE, Span, as_text, built_in, substitute
from foundation.errors import BadRecord

MAX_CHOSEN = 50  # values of one variable at a time

Choices = Mapping[str, Sequence[str]]
"""Variable to the values chosen; `$__all` among them means all."""


class Resolved(NamedTuple):
    """What each variable offers now, what of it is chosen, and how queries write that."""

    offers: dict[str, list[str]]
    chosen: dict[str, list[str]]
    texts: dict[str, str]


async def resolve(prometheus: Prometheus, board: Board, chosen: Choices, asked: Span, *, strict: bool) -> Resolved:
    """Ask what the variables offer, in the board's order: what a later one offers may hang on an earlier choice.

    No choice reaches a query before it was found among what is offered. One that is not offered raises BadRecord when
    `strict`; else the variable's first choice takes its place, as for a bookmark that has outlived a source.
    """
    names = {variable.name for variable in board.variables}
    if strict and (unknown := chosen.keys() - names):
        raise BadRecord("variable", f"{board.uid} has no variable {min(unknown)}; it has {', '.join(sorted(names))}")
    found = Resolved({}, {}, built_in(asked, 1))
    for variable in board.variables:
        offers = await _offers(prometheus, variable, found.texts, asked)
        picked = list(chosen.get(variable.name, ())) or [variable.first]
        wrong = not_offered(variable, picked, offers)
        if wrong and strict:
            raise BadRecord("variable", wrong)
        found.offers[variable.name] = offers
        found.chosen[variable.name] = [variable.first] if wrong else picked
        found.texts[variable.name] = as_text(variable, found.chosen[variable.name])
    return found


def not_offered(variable: Variable, picked: Sequence[str], offers: Sequence[str]) -> str:
    """What is wrong with the choice; empty when nothing is."""
    if len(picked) > (MAX_CHOSEN if variable.multi else 1):
        return f"{variable.name}: {len(picked)} values are too many"
    allowed = {*offers, *([ALL_CHOICE] if variable.include_all else [])}
    wrong = next((value for value in picked if value not in allowed), None)
    return "" if wrong is None else f"{variable.name}: {wrong[:50]!r} is not offered"


async def _offers(prometheus: Prometheus, variable: Variable, texts: Mapping[str, str], asked: Span) -> list[str]:
    source = variable.label_values
    if source is None:
        return [str(option.value) for option in variable.options]
    selector, label = source
    return await prometheus.label_values(substitute(selector, texts), label, asked)


async def ask(
    prometheus: Prometheus, panel: Panel, texts: Mapping[str, str], asked: Span, scrape_interval_s: float
) -> Frame:
    """What the panel shows now. Raises SourceError."""
    values = {**texts, **built_in(asked, scrape_interval_s)}
    answers = await asyncio.gather(*(_answer(prometheus, target, values, asked) for target in panel.targets))
    return frame(panel, asked, list(zip(panel.targets, answers, strict=True)))


async def _answer(prometheus: Prometheus, target: Target, values: Mapping[str, str], asked: Span) -> list[Series]:
    expr = substitute(target.expr, values)
    return await (prometheus.instant(expr, asked.end_s) if target.instant else prometheus.range(expr, asked))
