"""Task 000, question 2: does the manager's routing depend on the workload? Three questions and answers.

An answer is "depends" only if three tests reject it, after Holm over the three questions: the score test, the score
test within the choice before, and the shift test. Each test alone can be misled (`docs/hosting.md` has the table).
Which server an account leaves is asked twice, with its destination among the servers it could have left and without,
and both have to reject with one sign: the log does not show which of the two the manager does.
The paired comparison of a re-route's old and new server is only shown beside them.
"""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.hosting import choice
from exporter.hosting.choice import Choices, Fit, Floats, Ints, Outcome
from exporter.hosting.rows import Columns

ALPHA = 0.05
MIN_DECISIONS = 10
ROTATION = 0.3  # Cramer's V from which a choice is said to follow from the one before
QUESTIONS = {
    "creation": "Where a new account is put",
    "destination": "Where a re-routed account goes",
    "source": "Which server a re-routed account leaves",
}


class RoutingTest(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the report. The test's name says what `effect` is; None: unknown."""

    question: str
    test: str
    n: int
    statistic: float | None
    p_value: float | None
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    rejects: bool | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question. `p_adjusted`: the largest p-value of the three tests, after Holm."""

    question: str
    n: int
    depends: bool
    rotates: bool
    p_adjusted: float
    says: str
    share_by_chance: float | None = None
    detectable_odds_ratio: float | None = None


class Picture(NamedTuple):
    """The data of a question's picture.

    Shares of decisions that took the least loaded server, the second least, ...; the same if only the constants
    decided; the score, and the scores under every shift.
    """

    rank_share: Floats
    rank_expected: Floats
    observed: float
    shifted: Floats


class Routing(NamedTuple):
    """The report's section on routing."""

    tests: list[RoutingTest]
    answers: list[Answer]
    pictures: dict[str, Picture]
    decisions: int
    kept_in_place: int  # routes to the server that the account was on already
    unseen: int  # routes from before the first heartbeat, or to a server that was silent


class Decisions(NamedTuple):
    """Every decision; arrays are (decisions, servers) or (decisions,). Servers go by column."""

    workload: Floats  # NaN: silent
    hosted: Floats  # accounts on the server just before
    chosen: Ints
    current: Ints  # the server before; the chosen one for a new account
    is_first: npt.NDArray[np.bool_]
    time_s: Ints

    def some(self, rows: npt.NDArray[np.bool_]) -> "Decisions":
        """Those of the given rows."""
        return Decisions(**{name: array[rows] for name, array in self._asdict().items()})


class Asked(NamedTuple):
    """One question's decisions, and the servers that may have determined each: the one chosen before, the current.

    again: the question under another reading of what was on offer, where the log leaves that open.
    """

    choices: Choices
    before: list[Ints]
    again: "Asked | None" = None


class Result(NamedTuple):
    """One question's tests; `again` under the other reading."""

    null: Fit
    score: Outcome
    within: Outcome
    shift: Outcome
    turns: Outcome
    again: "Result | None" = None

    def readings(self) -> "list[Result]":
        """The result under every reading."""
        return [self, *(self.again.readings() if self.again else ())]


def analyse(choices: Columns, segments: Columns, servers: list[int]) -> Routing:
    """Answer the three questions for all decisions.

    Args:
        choices: the table `choices`, sorted by route_s, account_id.
        segments: the table `segments`, in any order.
        servers: the ids of all servers, sorted.
    """
    decisions = _decisions(choices, segments, np.array(servers, np.int64))
    rows = np.arange(len(decisions.chosen))
    seen = ~np.isnan(decisions.workload[rows, decisions.chosen]) if servers else np.zeros(0, bool)
    decisions = decisions.some(seen)
    moved = ~decisions.is_first & (decisions.chosen != decisions.current)
    before = np.roll(decisions.chosen, 1)
    asked = {
        "creation": _of_creations(decisions.some(decisions.is_first), before[decisions.is_first]),
        "destination": _of_destinations(decisions.some(moved), before[moved]),
        "source": _of_sources(decisions.some(moved)),
    }
    tests, answers, pictures = _answer_all(asked)
    tests.append(_row("source", "paired: from minus to", int(moved.sum()), _paired(decisions.some(moved))))
    stayed = int((~decisions.is_first & ~moved).sum())
    return Routing(
        tests=tests,
        answers=answers,
        pictures=pictures,
        decisions=len(rows),
        kept_in_place=stayed,
        unseen=int((~seen).sum()),
    )


def _decisions(choices: Columns, segments: Columns, servers: Ints) -> Decisions:
    """The table of candidates, one row each, as matrices of one row a decision."""
    time_s, accounts = choices["route_s"], choices["account_id"]
    new = np.ones(len(time_s), bool)
    new[1:] = (time_s[1:] != time_s[:-1]) | (accounts[1:] != accounts[:-1])
    workload = np.full((int(new.sum()), len(servers)), np.nan)
    workload[np.cumsum(new) - 1, np.searchsorted(servers, choices["candidate_id"])] = choices["workload"]
    times = np.asarray(time_s[new], np.int64)
    hosted = np.zeros(workload.shape)
    for edge, sign in (("route_s", 1), ("until_s", -1)):
        order = np.lexsort((segments[edge], segments["server_id"]))
        server_id, edges = segments["server_id"][order], segments[edge][order]
        bounds = zip(*(np.searchsorted(server_id, servers, side) for side in ("left", "right")), strict=True)
        for column, (first, last) in enumerate(bounds):
            hosted[:, column] += sign * np.searchsorted(edges[first:last], times, side="left")
    return Decisions(
        workload=workload,
        hosted=hosted,
        chosen=np.searchsorted(servers, choices["server_id"][new]),
        current=np.searchsorted(servers, choices["from_server_id"][new]),
        is_first=np.asarray(choices["is_first"][new] == 1),
        time_s=times,
    )


def _of_creations(d: Decisions, before: Ints) -> Asked:
    return Asked(Choices(d.workload, (~np.isnan(d.workload)).astype(float), d.chosen, d.time_s), [before])


def _of_destinations(d: Decisions, before: Ints) -> Asked:
    """The account's own server is not a destination. Rotation may be over all accounts, or each account's own."""
    offer = (~np.isnan(d.workload)).astype(float)
    offer[np.arange(len(d.chosen)), d.current] = 0
    return Asked(Choices(d.workload, offer, d.chosen, d.time_s), [before, d.current])


def _of_sources(d: Decisions) -> Asked:
    """By chance an account is moved as often as any other, so a server counts as often as it has accounts.

    A manager that draws an account and then a server, perhaps the account's own, and does nothing then, can't have
    taken it from its destination: given where it went, the destination is no source. One that draws an account and then
    another server could have; given where it went, the *source* seems to depend on what the destination depends on,
    so there the destination stays on offer.
    """
    accounts = np.where(np.isnan(d.workload), 0, np.maximum(d.hosted, 0))
    without = accounts.copy()
    without[np.arange(len(d.current)), d.chosen] = 0
    return _of_leaving(d, without)._replace(again=_of_leaving(d, accounts))


def _of_leaving(d: Decisions, offer: Floats) -> Asked:
    told = offer[np.arange(len(d.current)), d.current] > 0
    left = d.current[told]
    return Asked(Choices(d.workload[told], offer[told], left, d.time_s[told]), [np.roll(left, 1)])


def _paired(d: Decisions) -> Outcome:
    rows = np.arange(len(d.chosen))
    difference = d.workload[rows, d.current] - d.workload[rows, d.chosen]
    return choice.paired_test(difference[~np.isnan(difference)])


def _answer_all(asked: dict[str, Asked]) -> tuple[list[RoutingTest], list[Answer], dict[str, Picture]]:
    found = {name: _test(one) for name, one in asked.items() if one.choices.n >= MIN_DECISIONS}
    adjusted = dict(zip(asked, choice.holm([_largest_p(found.get(name)) for name in asked]), strict=True))
    tests: list[RoutingTest] = []
    answers: list[Answer] = []
    for name, one in asked.items():
        n = one.choices.n
        if name not in found:
            says = f"unknown: {n} decisions, and {MIN_DECISIONS} are needed"
            answers.append(Answer(question=name, n=n, depends=False, rotates=False, p_adjusted=1.0, says=says))
            continue
        result, busiest = found[name], name == "source"
        share, by_chance = choice.extreme_share(one.choices, largest=busiest)
        tests += [
            _row(name, "score: odds ratio per +0.1 workload", n, result.score),
            _row(name, "score within the choice before", n, result.within),
            _row(name, "circular shift", n, result.shift),
        ]
        if result.again:
            tests += [
                _row(name, "score, destination on offer: odds ratio", n, result.again.score),
                _row(name, "within, destination on offer", n, result.again.within),
                _row(name, "shift, destination on offer", n, result.again.shift),
            ]
        tests += [
            _row(name, "transitions: Cramer's V", n, result.turns),
            _row(name, f"share of the {'most' if busiest else 'least'} loaded", n, share),
        ]
        depends, rotates = adjusted[name] <= ALPHA, _rotates(result.turns)
        says = _sentence(name, result, depends=depends, rotates=rotates)
        detectable = choice.detectable_odds_ratio(result.null)
        answers.append(
            Answer(
                question=name,
                n=n,
                depends=depends,
                rotates=rotates,
                p_adjusted=adjusted[name],
                says=says,
                share_by_chance=by_chance,
                detectable_odds_ratio=detectable,
            )
        )
    return tests, answers, {name: _picture(asked[name].choices, result.null) for name, result in found.items()}


def _rotates(turns: Outcome) -> bool:
    return turns.p_value is not None and turns.p_value <= ALPHA and (turns.effect or 0) >= ROTATION


def _test(one: Asked) -> Result:
    null = choice.fit(one.choices, with_beta=False)
    within = [choice.score_test_within(one.choices, strata) for strata in one.before]
    return Result(
        null,
        score=choice.score_test(one.choices, null),
        within=max(within, key=lambda outcome: 2.0 if outcome.p_value is None else outcome.p_value),
        shift=choice.shift_test(one.choices, null),
        turns=choice.transition_test(one.choices, null, one.before[0]),
        again=_test(one.again) if one.again else None,
    )


def _largest_p(result: Result | None) -> float:
    """1 unless all three tests were possible, under every reading, and show one direction."""
    if result is None or len({(one.score.statistic or 0) > 0 for one in result.readings()}) > 1:
        return 1.0
    outcomes = [outcome for one in result.readings() for outcome in (one.score, one.within, one.shift)]
    return max(1.0 if outcome.p_value is None else outcome.p_value for outcome in outcomes)


def _row(question: str, test: str, n: int, outcome: Outcome) -> RoutingTest:
    rejects = None if outcome.p_value is None else outcome.p_value <= ALPHA
    return RoutingTest(
        question=question,
        test=test,
        n=n,
        statistic=outcome.statistic,
        p_value=outcome.p_value,
        effect=outcome.effect,
        effect_low=outcome.low,
        effect_high=outcome.high,
        rejects=rejects,
    )


def _sentence(name: str, result: Result, *, depends: bool, rotates: bool) -> str:
    turning = "; mostly, each choice follows from the one before (rotation)" if rotates else ""
    if depends:
        kind = "busier" if (result.score.statistic or 0) > 0 else "idler"
        verb = "left" if name == "source" else "chosen"
        return f"depends on the workload: {kind} servers are {verb} more often{turning}"
    if result.shift.p_value is None or result.score.p_value is None:
        return f"unknown: too few decisions for the shift test{turning}"
    if result.within.p_value is None and not rotates and max(result.score.p_value, result.shift.p_value) <= ALPHA:
        return "unknown, perhaps rotation: too few decisions for this number of servers"
    if result.score.p_value <= ALPHA and rotates:
        return "not shown to depend on the workload: rotation explains the pattern"
    if result.again and _largest_p(result._replace(again=None)) <= ALPHA:
        return "not shown to depend on the workload: the destinations of accounts may explain the pattern"
    if result.score.p_value <= ALPHA:
        return "not shown to depend on the workload: not every test rejects"
    return f"not shown to depend on the workload{turning}"


def _picture(c: Choices, null: Fit) -> Picture:
    """Shares by rank of workload among the servers on offer, ascending, as they were and as the constants expect."""
    load = np.where(c.offer > 0, c.workload, np.inf)
    order = np.argsort(load, axis=1, kind="stable")
    expected = np.take_along_axis(null.p, order, axis=1).mean(axis=0)
    share = np.bincount(np.argmax(order == c.chosen[:, None], axis=1), minlength=c.offer.shape[1]) / c.n
    _, observed, shifted = choice.shift_scores(c, null)
    return Picture(share, expected, observed, shifted)
