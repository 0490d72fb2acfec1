"""Service levels: how much of each budget is left, how quickly it goes, and how long it lasts; for any objective."""

from alerts.slo.rules import ALLOWED, LOW, OWN_ALLOWED, TIERS, WINDOW, Tier
from dashboards import style
from dashboards.about import about
from dashboards.firing import firing_now
from dashboards.service_levels import NO_RULES
from dashboards.style import Text, query

CHOSEN = 'slo=~"$objective"'
MOST = 100  # budgets in the table
LONG = [tier.long for tier in TIERS]
SPENT = ((None, style.GOOD), (1 - float(LOW), style.WARNING), (1, style.BAD))
LEFT = ((None, style.BAD), (1e-9, style.WARNING), (float(LOW), style.GOOD))
NO_PACE = "nothing is known of the last six hours, or the rules of service levels are not loaded."


def recorded(metric: str) -> str:
    """A recording of the chosen objectives, whatever labels their budgets have: the level differs by objective."""
    return f'{{__name__=~"slo_.+:tidewatch_slo_{metric}", {CHOSEN}}}'


ALLOWED_EACH = f"max by (slo) ({ALLOWED}{{{CHOSEN}}})"
STRICTEST = f"min by (slo) ({OWN_ALLOWED}{{{CHOSEN}}}) or {ALLOWED_EACH}"
REMAINING = recorded("budget:remaining_window")


def burn(window: str) -> str:
    """How many times as quickly as allowed each budget goes: by the account's promise, or else by the objective."""
    ratio = recorded(f"bad_events:ratio{window}")
    own = f"{ratio} / ignoring (__name__) {OWN_ALLOWED}{{{CHOSEN}}}"
    return f"({own} or {ratio} / on (slo) group_left () {ALLOWED_EACH})"


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-service-levels",
        title="Service levels",
        description="What is promised, how much of each budget is left, how quickly it goes, and how long it lasts.",
        variables=[style.label_variable("objective", "Objective", ALLOWED, "slo", may_be_empty=NO_RULES)],
        rows=[
            style.Row(
                "Is every promise kept?",
                [
                    *(spent(), smallest(), fastest(), shortest()),
                    budgets(),
                    firing_now(f'slo!="", {CHOSEN}', width=24, height=6),
                ],
            ),
            style.Row("How quickly do budgets go?", [burn_rates(), lasts()]),
            style.Row("What is delivered?", [indicator(), left_over_time()]),
        ],
        since="now-6h",
        refresh="1m",
    )


def spent() -> style.PanelBuilder:
    """How many promises are broken."""
    return style.stat(
        Text("Budgets spent", "Budgets of which nothing is left: the promise is broken.", NO_RULES),
        query(f"count({REMAINING} < 0) or 0 * count({REMAINING})", "spent"),
        unit="none",
        width=6,
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def smallest() -> style.PanelBuilder:
    """What the worst has left."""
    return style.stat(
        Text("Smallest budget left", "Share of its budget that the worst has left; the table says whose.", NO_RULES),
        query(f"clamp_min(min({REMAINING}), 0)", "left"),
        unit="percentunit",
        width=6,
        steps=LEFT,
    )


def fastest() -> style.PanelBuilder:
    """Is one of them burning now?"""
    return style.stat(
        Text(
            "Fastest burn",
            f"Times as quickly as allowed, in the last hour. At {TIERS[0].burn} an alert pages.",
            NO_RULES,
        ),
        query(f"max({burn(LONG[0])})", "burn"),
        unit="none",
        width=6,
        steps=((None, style.GOOD), (1, style.WARNING), (float(TIERS[0].burn), style.BAD)),
    )


def shortest() -> style.PanelBuilder:
    """When is the first one spent?"""
    return style.stat(
        Text(
            "First one spent in",
            "Time until the first budget is spent, if it goes on as in the last six hours.",
            "no budget burns, or " + NO_PACE,
        ),
        query(f"min({lasting()})", "spent in"),
        unit="dtdurations",
        width=6,
        steps=((None, style.BAD), (86_400, style.WARNING), (7 * 86_400, style.GOOD)),
    )


def lasting() -> str:
    """Seconds until each budget that burns is spent, at the pace of the last six hours."""
    pace = f"({burn('6h')} > 0)"
    left = f"clamp_min({REMAINING}, 0) / ignoring (__name__) {pace}"
    return f"({left}) * on (slo) group_left () max by (slo) ({WINDOW}{{{CHOSEN}}})"


def budgets() -> style.PanelBuilder:
    """One row a budget, the worst first."""
    worst = f"bottomk({MOST}, {REMAINING})"
    asked = [
        f"(1 - {worst}) * on (slo) group_left (board) ({ALLOWED}{{{CHOSEN}}} * 0 + 1)",
        *(f"({burn(window)} and ignoring (__name__) {worst})" for window in LONG),
        f"({lasting()} and ignoring (__name__) {worst})",
    ]
    first, *others = asked
    board_of = f"on (slo) group_left (board) ({ALLOWED}{{{CHOSEN}}} * 0 + 1)"
    to_board = {"Open its board": f"/d/${{__value.raw}}?{style.KEPT}"}
    spent = style.Column("Spent", "percentunit", steps=SPENT, cell=style.PILL, decimals=1, width=85)
    burns = [style.Column(f"Burn {tier.long}", "none", steps=_limit(tier), decimals=1, width=75) for tier in TIERS]
    figures = [spent, *burns, style.Column("All of it in", "dtdurations", decimals=0, width=110)]
    return style.table(
        Text(
            "Budgets",
            f"The {MOST} budgets that have the least left: from 100 % spent on the promise is broken. Burn is how many "
            "times as quickly as allowed the budget goes; all of it in, if it goes on as in the last six hours.",
            NO_RULES,
        ),
        query(about(first, without="slo"), instant=True, form="table"),
        *(query(about(f"{one} * {board_of}", without="slo"), instant=True, form="table") for one in others),
        columns={
            "slo": style.Column("Objective", least=140),
            "about": style.Column("Of", least=140),
            **{f"Value #{chr(65 + n)}": column for n, column in enumerate(figures)},
            "board": style.Column("Look at", states=BOARDS, opens=to_board, width=115),
        },
        sort=(("Spent", True),),
        height=8,
    )


def _limit(tier: Tier) -> style.Steps:
    """Coloured where an alert begins."""
    return ((None, style.GOOD), (float(tier.burn), style.BAD if tier.severity == "page" else style.WARNING))


BOARDS = {
    "tidewatch-site": ("Site traffic", style.NEUTRAL),
    "tidewatch-hosting": ("Hosting SLA", style.NEUTRAL),
    "tidewatch-stores": ("Stores", style.NEUTRAL),
}


def burn_rates() -> style.PanelBuilder:
    """How quickly does the worst one go?"""
    limits = ", ".join(f"{tier.burn} over {tier.long}" for tier in TIERS)
    return style.timeseries(
        Text(
            "Burn rate of the worst",
            "How many times as quickly as allowed the budget goes, by window, of the worst that is chosen. 1 is just "
            f"what is allowed; alerts begin at {limits}.",
            NO_RULES,
        ),
        *(query(f"max({burn(window)})", f"over {window}") for window in LONG),
        unit="none",
        colours={f"over {window}": colour for window, colour in zip(LONG, style.SHORT_TO_LONG, strict=True)},
    )


def lasts() -> style.PanelBuilder:
    """How long is left?"""
    return style.timeseries(
        Text(
            "Time until it is spent",
            "Of each objective's worst, if it goes on as in the six hours before. No line: nothing burns.",
            "no budget burns, or " + NO_PACE,
        ),
        query(f"min by (slo) ({lasting()})", "{{slo}}"),
        unit="dtdurations",
    )


def indicator() -> style.PanelBuilder:
    """The indicator against what is promised of it."""
    return style.timeseries(
        Text(
            "Bad events in the last hour",
            "Share of the events of an hour that were bad, of each objective's worst, and what is allowed over its "
            "whole window (dashed; of accounts with different promises, by the strictest). An hour above the line "
            "spends budget; it breaks no promise by itself.",
            NO_RULES,
        ),
        query(f"max by (slo) ({recorded('bad_events:ratio1h')})", "{{slo}}"),
        query(STRICTEST, "{{slo}} allowed"),
        unit="percentunit",
        looks={"/ allowed$/": style.DASHED},
    )


def left_over_time() -> style.PanelBuilder:
    """How did it come to this?"""
    return style.timeseries(
        Text(
            "Budget left over 30 days",
            "Of each objective's worst, over the last 30 days whatever range is chosen. A step down is an outage.",
            "less than a step of 30 days (an hour or two) is known, or " + NO_RULES,
        ),
        query(f"min by (slo) ({REMAINING})", "{{slo}}"),
        unit="percentunit",
    ).time_from("30d")
