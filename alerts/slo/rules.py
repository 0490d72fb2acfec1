"""Objectives to recordings and alerts: `alerts/rules/slo.yml`. Pure, but for `write` and `is_current`.

Everything is weighted by events: a window's ratio is that of two sums, never a mean of ratios. Windows are sums of the
recorded increases of five minutes, taken every minute or every five, so that 30 days cost thousands of samples and not
millions, and so that the result depends neither on the scrape interval nor on how often rules are evaluated.

A window that is not all known yet counts as if the rest of it had had the same traffic and no bad event: a budget is
that of the whole window, and three errors in the first hour do not spend it.
"""

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from alerts.rulefiles import RULES
from alerts.slo.indicators import EVENTS, Events, events_of
from alerts.slo.model import DAY_S, Objective, ServiceLevels
from alerts.yamltext import yaml_text
from foundation.errors import StoreError, in_words
from foundation.output import replacing

RULES_FILE = RULES / "slo.yml"
RUNBOOKS = "http://127.0.0.1:8094/runbooks#"
BOARDS = "http://127.0.0.1:3000/d/"
VARIABLES = {  # board to label to the variable that chooses by it
    "tidewatch-site": {"source": "site"},
    "tidewatch-hosting": {"source": "host", "account_id": "account"},
    "tidewatch-stores": {"source": "inbox", "store_id": "store"},
}
ALLOWED = "slo_board:tidewatch_slo_allowed:ratio"
OWN_ALLOWED = "slo_source_account_id:tidewatch_slo_allowed:ratio"  # by each account's own promise
WINDOW = "slo_board:tidewatch_slo_window:seconds"
INTERVAL = "30s"
BASE_S = 300  # what the recorded increases are over
LOW = Decimal("0.25")  # of the budget
LEAST_ALLOWED = "1e-6"  # of a promise of 100 %: as the highest objective, since one bad event must never page
REMEMBERED = "7h:5m"  # promises: longer than the longest short window lasts when the exporter is gone
ONE_EVENT = 1.5  # increase() may see one event as up to 1.25

_HEADER = """\
# Service levels. Generated from alerts/slo.yml by `python -m alerts slo generate`: change that file, not this one.
# Bad events are bad out of all events, by their counts; docs/alerts.md, "Service levels", has the formulas.
"""


class Tier(NamedTuple):
    """An alert on how quickly the budget burns (Google SRE workbook, chapter 5, table 5-8).

    alert: its name. burn: times as quick as the objective allows. long: the window that says that it matters.
    short: the one that says that it goes on. chance: how improbable as many bad events must be in a service that keeps
    its objective exactly. keep: after the last time.
    """

    alert: str
    burn: Decimal
    long: str
    short: str
    severity: str
    chance: float
    keep: str


TIERS = (
    Tier(alert="SloBurn14", burn=Decimal("14.4"), long="1h", short="5m", severity="page", chance=1e-6, keep="5m"),
    Tier(alert="SloBurn6", burn=Decimal(6), long="6h", short="30m", severity="page", chance=1e-6, keep="10m"),
    Tier(alert="SloBurn3", burn=Decimal(3), long="1d", short="2h", severity="ticket", chance=1e-3, keep="30m"),
    Tier(alert="SloBurn1", burn=Decimal(1), long="3d", short="6h", severity="ticket", chance=1e-3, keep="1h"),
)
WINDOWS_S = {"30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "1d": 86_400, "3d": 259_200}


class Names(NamedTuple):
    """Of an objective's recordings; `level` is the part before the first colon."""

    level: str
    slo: str

    def of(self, metric: str) -> str:
        """A recording's name."""
        return f"{self.level}:tidewatch_slo_{metric}"

    def read(self, metric: str) -> str:
        """The selector of a recording."""
        return f'{self.of(metric)}{{slo="{self.slo}"}}'


def rendered(levels: ServiceLevels) -> str:
    """The text of the rule file."""
    groups = [group(objective) for objective in levels.objectives]
    return _HEADER + yaml_text({"groups": groups})


def group(objective: Objective) -> dict[str, Any]:
    """The rules of one objective."""
    events = events_of(objective)
    names = Names("_".join(("slo", *events.by)), objective.name)
    recordings = [
        {"record": names.of(metric), "expr": _block(expr), "labels": {"slo": objective.name}}
        for metric, expr in _recordings(objective, events, names)
    ]
    return {
        "name": f"slo.{objective.name}",
        "interval": INTERVAL,
        "rules": [*_promise(objective, events), *recordings, *_alerts(objective, events, names)],
    }


def _promise(objective: Objective, events: Events) -> Iterator[dict[str, Any]]:
    """What is promised, and the board of what it is about, as series: a board shows any objective by them."""
    labels = {"slo": objective.name, "board": events.board}
    yield {"record": ALLOWED, "expr": f"vector({objective.allowed.normalize():f})", "labels": labels}
    yield {"record": WINDOW, "expr": f"vector({objective.window_s})", "labels": labels}


def threshold(objective: Objective, tier: Tier) -> Decimal:
    """The share of bad events above which a tier alerts; where that is beyond reach, halfway to all of them."""
    return min(tier.burn * objective.allowed, (1 + objective.allowed) / 2)


def _recordings(objective: Objective, events: Events, names: Names) -> Iterator[tuple[str, str]]:
    every, bad = names.read("events:increase5m"), names.read("bad_events:increase5m")
    yield "events:increase5m", events.events
    yield "bad_events:increase5m", events.bad.replace(EVENTS, every)
    yield "bad_events:ratio5m", f"{bad} / clamp_min({every}, 1e-9)"
    for window, seconds in WINDOWS_S.items():
        yield f"events:whole{window}", _whole(every, window, seconds)
        yield (
            f"bad_events:ratio{window}",
            f"{_sum(bad, window, seconds)}\n/\nclamp_min({names.read(f'events:whole{window}')}, 1e-9)",
        )
    days, seconds = f"{objective.window_s // DAY_S}d", objective.window_s
    if objective.by_cycle:
        yield "allowed:ratio", _own_allowed(objective, events, names)
        yield "budget:remaining_window", events.budget
        return
    yield "bad_events:sum_window", _sum(bad, days, seconds)
    yield (
        "bad_events:ratio_window",
        f"{names.read('bad_events:sum_window')}\n/\nclamp_min({_sum(every, days, seconds)}, 1e-9)",
    )
    allowed = f"clamp_min({objective.allowed.normalize():f} * {_whole(every, days, seconds)}, 1e-9)"
    yield "budget:remaining_window", f"1\n-\n{names.read('bad_events:sum_window')}\n/\n{allowed}"


def _own_allowed(objective: Objective, events: Events, names: Names) -> str:
    """By each account's promise; the last one known while the exporter is gone, the objective's where there is none."""
    by = ", ".join(events.by)
    last = f"last_over_time({events.promises}[{REMEMBERED}])"
    promised = f"min by ({by}) ({events.promises})\n    or on ({by})\n    min by ({by}) ({last})"
    constant = f"{objective.allowed.normalize():f} + 0 * {names.read('events:whole3d')}"
    return f"clamp_min(\n  1 - (\n    {promised}\n  ),\n  {LEAST_ALLOWED}\n)\nor on ({by})\n{constant}"


def _step(seconds: int) -> tuple[str, int]:
    """How far apart increases are taken, and how often each event is in them."""
    return ("1m", BASE_S // 60) if seconds <= WINDOWS_S["2h"] else ("5m", 1)


def _sum(recording: str, window: str, seconds: int) -> str:
    """How many there were, as far as is known."""
    step, times = _step(seconds)
    return f"sum_over_time({recording}[{window}:{step}])" + (f" / {times}" if times > 1 else "")


def _whole(recording: str, window: str, seconds: int) -> str:
    """How many the whole window has, if it is all like what is known."""
    return f"{seconds // BASE_S} * avg_over_time({recording}[{window}:{_step(seconds)[0]}])"


def _alerts(objective: Objective, events: Events, names: Names) -> Iterator[dict[str, Any]]:
    for tier in TIERS:
        if events.pages or tier.severity != "page":
            yield _burn(objective, events, names, tier)
    remaining = names.read("budget:remaining_window")
    seen = "" if objective.by_cycle else f"\nand\n{names.read('bad_events:sum_window')} > {ONE_EVENT}"
    told = f"the error budget of {objective.window_words} ({objective.name})"
    for alert, limit, expr, words in (
        ("SloBudgetLow", LOW, f"{remaining} < {LOW}", f"{{{{ $value | humanizePercentage }}}} left of {told}"),
        # A person understands 8.8 times the budget, but not -780 % of it.
        ("SloBudgetSpent", 0, f"1 - {remaining} > 1", f'{{{{ printf "%.2f" $value }}}} times {told} is spent'),
    ):
        description = f"{objective.promise} " + (
            "More were bad than the objective allows."
            if limit == 0
            else f"Less than {limit * 100:.0f} % of the bad ones that the objective allows are left."
        )
        yield _alert(
            events,
            alert,
            f"{expr}{seen}",
            panel=events.budget_panel,
            severity="ticket",
            keep="15m",
            slo=objective.name,
            words=words,
            description=description,
        )


def _burn(objective: Objective, events: Events, names: Names, tier: Tier) -> dict[str, Any]:
    own = objective.by_cycle
    allowed = names.read("allowed:ratio") if own else f"{objective.allowed.normalize():f}"
    ratio, whole = names.read(f"bad_events:ratio{tier.long}"), names.read(f"events:whole{tier.long}")
    limits = _own_limits(allowed, tier) if own else [f"{threshold(objective, tier).normalize():f}"]
    short = _above(names.read(f"bad_events:ratio{tier.short}"), limits)
    beyond_chance = f"{ratio} * ln({ratio} / {allowed}) - {ratio} + {allowed}"
    allows = "more than its promise allows" if own else f"{objective.allowed_words} allowed"
    return _alert(
        events,
        tier.alert,
        f"{_above(ratio, limits)}\nand\n{short}\nand\n"
        f"  {whole}\n*\n  ({beyond_chance})\n>\n  {-math.log(tier.chance):.2f}",
        panel=events.burn_panel,
        severity=tier.severity,
        keep=tier.keep,
        slo=objective.name,
        words=f"{{{{ $value | humanizePercentage }}}} {events.failed} in {tier.long}, {allows} ({objective.name})",
        description=f"{objective.promise} {_rate(objective, tier)}",
    )


def _own_limits(allowed: str, tier: Tier) -> list[str]:
    """As `threshold`, in PromQL: what is above one of them is above the lower one."""
    if tier.burn == 1:  # what is allowed is below halfway from it to all
        return [allowed]
    return [f"{tier.burn} * {allowed}", f"(1 + {allowed}) / 2"]


def _above(ratio: str, limits: list[str]) -> str:
    if len(limits) == 1:
        return f"{ratio} > {limits[0]}"
    return "(\n  " + "\n  or\n  ".join(f"{ratio} > {limit}" for limit in limits) + "\n)"


def _rate(objective: Objective, tier: Tier) -> str:
    """How often bad ones came, as a sentence."""
    over, lasts = f"over {tier.long} and over {tier.short}", _lasts(objective, tier)
    if objective.by_cycle and tier.burn > 1:  # halfway may be a slower rate
        return (
            f"Bad ones came {_times(tier)}as often as that allows, or more than halfway from what it allows to all, "
            f"{over}: at {tier.burn} times the budget lasts {lasts}."
        )
    return f"Bad ones came {_times(tier)}as often as allowed, or more, {over}: at this rate the budget lasts {lasts}."


def _times(tier: Tier) -> str:
    return f"{tier.burn} times " if tier.burn > 1 else ""


def _lasts(objective: Objective, tier: Tier) -> str:
    hours = objective.window_s / 3600 / float(tier.burn)
    return f"{hours / 24:.0f} days" if hours >= 96 else f"{hours:.0f} hours"


def _alert(
    events: Events,
    name: str,
    expr: str,
    *,
    panel: int,
    severity: str,
    keep: str,
    slo: str,
    words: str,
    description: str,
) -> dict[str, Any]:
    of = {"source": "{{ $labels.source }}", "account_id": "account {{ $labels.account_id }}"}
    of["store_id"] = "store {{ $labels.store_id }}"
    subject = ", ".join(of.get(label, f"{label} {{{{ $labels.{label} }}}}") for label in events.by)
    asked = [f"viewPanel={panel}"] if panel else []
    chosen = VARIABLES[events.board]
    asked += [f"var-{chosen[label]}={{{{ $labels.{label} | urlquery }}}}" for label in events.by if label in chosen]
    link = f"{BOARDS}{events.board}" + (f"?{'&'.join(asked)}" if asked else "")
    labels = {"severity": severity, "slo": slo, "via": "exporter"}
    if "system" not in events.by:  # a label of the counters stays what it is, or two budgets would be one alert
        labels["system"] = events.board.removeprefix("tidewatch-")
    return {
        "alert": name,
        "expr": _block(expr),
        "keep_firing_for": keep,
        "labels": labels,
        "annotations": {
            "summary": f"{subject}: {words}" if subject else words,
            "description": description,
            "runbook_url": RUNBOOKS + name.lower(),
            "dashboard_url": link,
        },
    }


def is_current(levels: ServiceLevels, path: Path = RULES_FILE) -> bool:
    """Whether the file is what the objectives make. Raises StoreError where it cannot be read."""
    want = rendered(levels).encode()
    try:
        with path.open("rb") as stream:
            return stream.read(len(want) + 1) == want
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise StoreError(f"{path}: {in_words(exc)}") from exc


def write(levels: ServiceLevels, path: Path = RULES_FILE) -> None:
    """Write the rule file. Raises StoreError."""
    with replacing(path) as out:
        out.write(rendered(levels).encode())


def _block(text: str) -> str:
    """What yaml_text shows in lines, with the last one's end, as a file of rules has it."""
    return text + "\n" if "\n" in text else text
