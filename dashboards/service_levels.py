"""The panels of service levels: what `alerts/slo.yml` promises of sites, with its own limits as thresholds."""

from alerts.slo.indicators import site_panels
from alerts.slo.model import Objective, ServiceLevels
from alerts.slo.rules import LOW, TIERS, WINDOWS_S
from dashboards import style
from dashboards.style import Text, query

NO_RULES = "the rules of service levels (alerts/rules/slo.yml) are not loaded, or nothing that they count is measured."
WORST = 10


def rows(levels: ServiceLevels) -> list[style.Row]:
    """One row of panels for each objective of sites."""
    of_sites = [o for o in levels.objectives if set(o.indicator.measures) & {"log", "stats"}]
    return [
        style.Row(
            f"Service level: {objective.objective:g} % within {objective.window_words} ({objective.name})",
            [bad_share(objective), budget_left(objective), burn_rate(objective), worst_sources(objective)],
            ids=site_panels(objective),
        )
        for objective in of_sites
    ]


def bad_share(objective: Objective) -> style.PanelBuilder:
    """What was bad in the window, against what may be."""
    return style.stat(
        Text(
            _word(objective),  # as short as a narrow panel; the row says what is promised
            f"{objective.promise} Bad events out of all that are known; above the objective's "
            f"{objective.allowed_words} the promise is broken.",
            NO_RULES,
        ),
        query(f"max({_recorded(objective, 'bad_events:ratio_window')})", "bad"),
        unit="percentunit",
        width=4,
        height=8,
        steps=((None, style.GOOD), (float(objective.allowed), style.BAD)),
    )


def budget_left(objective: Objective) -> style.PanelBuilder:
    """How much may still fail."""
    return style.stat(
        Text(
            "Budget left",
            f"{objective.promise} This share of what may be bad is left; below 0 it is spent. "
            "With little left, put off risky releases.",
            NO_RULES,
        ),
        query(f"min({_recorded(objective, 'budget:remaining_window')})", "left"),
        unit="percentunit",
        width=4,
        height=8,
        steps=((None, style.BAD), (0, style.WARNING), (float(LOW), style.GOOD)),
    )


def burn_rate(objective: Objective) -> style.PanelBuilder:
    """How quickly the budget goes."""
    limits = ", ".join(f"{tier.burn} over {tier.long}" for tier in TIERS)
    return style.timeseries(
        Text(
            "Burn rate",
            f"How many times as quickly as allowed the budget goes, by window; 1 is just what the objective allows. "
            f"Alerts begin at {limits}.",
            NO_RULES,
        ),
        *(
            query(
                f"max({_recorded(objective, f'bad_events:ratio{tier.long}')}) / {objective.allowed.normalize():f}",
                f"over {tier.long}",
            )
            for tier in TIERS
        ),
        unit="short",
        width=10,
        limits=((1, style.BAD),),
        colours={f"over {window}": colour for window, colour in zip(_long_windows(), style.SHORT_TO_LONG, strict=True)},
    )


def worst_sources(objective: Objective) -> style.PanelBuilder:
    """Whose budget is the smallest."""
    return style.bargauge(
        Text(
            "Worst sources",
            f"Budget left of the {WORST} sources that have the least of it, now. Look there first.",
            NO_RULES,
        ),
        query(
            f"bottomk({WORST}, max by (source) ({_recorded(objective, 'budget:remaining_window')}))",
            "{{source}}",
            instant=True,
        ),
        unit="percentunit",
        steps=((None, style.BAD), (0, style.WARNING), (float(LOW), style.GOOD)),
        most=1,
        width=6,
        named_by="source",
    )


def _recorded(objective: Objective, metric: str) -> str:
    return f'slo_source:tidewatch_slo_{metric}{{slo="{objective.name}", source=~"$site"}}'


def _long_windows() -> list[str]:
    return sorted((tier.long for tier in TIERS), key=WINDOWS_S.__getitem__)


def _word(objective: Objective) -> str:
    return "Failed" if objective.indicator.kind == "availability" else "Too slow"
