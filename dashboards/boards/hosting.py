"""Hosting SLA: who gets less than was promised, which server is to blame, where accounts are routed."""

from dashboards import style
from dashboards.style import Text, query

HOST = 'source=~"$host"'
ACCOUNT = 'source=~"$host", account_id=~"$account"'
SERVER = 'source=~"$host", server=~"$server"'
REMAINING = f"min by (source, account_id) (tidewatch_hosting_sla_budget_remaining_ratio{{{ACCOUNT}}})"
DOWNTIME = f"max by (source, account_id) (tidewatch_hosting_account_downtime_seconds{{{ACCOUNT}}})"
DECISIONS = f'tidewatch_hosting_routing_decisions_total{{{HOST}, kind!="stay"}}'
BUDGET = f"max by (source, account_id) (tidewatch_hosting_sla_budget_seconds{{{ACCOUNT}}})"
PROMISE = f"max by (source, account_id) (tidewatch_hosting_sla_promise_ratio{{{ACCOUNT}}})"
CREDIT = (  # terms without credits give nothing back
    f"(max by (source, account_id) (tidewatch_hosting_sla_credit_ratio{{{ACCOUNT}}}) or 0 * {PROMISE})"
)
SERVER_STATES = {
    1: ("up", style.GOOD),
    2: ("overload", style.BAD),
    3: ("silent", style.UNKNOWN),
    4: ("maintenance", style.RESTING),
    5: ("unknown", style.ABSENT),
}
ACCOUNT_STATES = SERVER_STATES | {6: ("unrouted", style.INFO)}
MINUTES = "suffix:min"
ALLOWED = f"max(tidewatch_hosting_sla_allowed_downtime_seconds{{{HOST}}}) / 60"
ONE_ACCOUNT = style.Detail("Only this account", "tidewatch-hosting", "account", "account_id", keep=("host", "window"))
ONE_SERVER = style.Detail("Only this server", "tidewatch-hosting", "server", "server", keep=("host", "window"))
WORST = 20  # accounts a panel; more rows than this are not read
MOST_LINES = 10  # accounts per chart; more lines cannot be distinguished
LEFT = ((None, style.BAD), (0, style.WARNING), (0.5, style.GOOD))
GIVEN_BACK = ((None, style.GOOD), (0.0001, style.WARNING), (0.5, style.BAD))
RESTED = ((None, style.NEUTRAL), (0.01, style.RESTING))
NOT_KNOWN = ((None, style.NEUTRAL), (0.01, style.ABSENT))


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-hosting",
        title="Hosting SLA",
        description="What a web host promised: downtime of customers against their budgets, credits, and the causes.",
        variables=[
            style.host_variable(),
            style.label_variable(
                "account", "Account", f"tidewatch_hosting_account_downtime_seconds{{{HOST}}}", "account_id"
            ),
            style.label_variable("server", "Server", f"tidewatch_hosting_server_state{{{HOST}}}"),
            style.window_variable(),
        ],
        head=style.Head(
            "hosting",
            {"source": "Host", "account_id": "Account", "server": "Server", "slo": "Service level"},
            chosen='source=~"$host|", account_id=~"$account|", server=~"$server|"',
            details={
                "account_id": ONE_ACCOUNT._replace(by="Account"),
                "server": ONE_SERVER._replace(by="Server"),
            },
        ),
        rows=[
            style.Row(
                "Now",
                [
                    promises_broken(),
                    budget_of_the_worst(),
                    accounts_down(),
                    servers_down(),
                    allowed(),
                    last_line_age(),
                    credits_due().id(25),
                    under_maintenance().id(26),
                    unknown_share().id(28),
                ],
            ),
            style.Row(
                "Who gets less than was promised?",
                [standings(), budgets_over_time(), states_over_time().id(27), worst_accounts()],
            ),
            style.Row("Which server is to blame?", [servers_over_time(), workloads(), downtime_by_server()]),
            style.Row("How fast do budgets go?", [burning()]),
            style.Row("Does routing follow the workload?", [ranks(), decisions()]),
            style.Row(
                "Is every line read, and the contract?", [events_read(), failed_lines(), watermark(), contract().id(29)]
            ),
        ],
    )


def promises_broken() -> style.PanelBuilder:
    """Accounts above the allowance."""
    return style.stat(
        Text(
            "Promises broken",
            "Chosen accounts with more downtime in this cycle than their promise allows; the table names them.",
        ),
        query(f"sum({REMAINING} < bool 0)", "accounts"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def budget_of_the_worst() -> style.PanelBuilder:
    """What the worst account has left."""
    return style.stat(
        Text("Worst budget left", "Share of the allowed downtime that the worst account has left."),
        query(f"min({REMAINING})", "left"),
        unit="percentunit",
        steps=LEFT,
    )


def accounts_down() -> style.PanelBuilder:
    """Accounts whose site is down now."""
    return style.stat(
        Text("Sites down", "Chosen accounts whose server was overloaded or silent in the last accounted minute."),
        query(f'sum(tidewatch_hosting_account_state{{{ACCOUNT}, state=~"overload|silent"}})', "sites"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def servers_down() -> style.PanelBuilder:
    """Servers down now."""
    return style.stat(
        Text("Servers down", "Servers that were overloaded or silent in the last accounted minute."),
        query(f'sum(tidewatch_hosting_server_state{{{SERVER}, state=~"overload|silent"}})', "servers"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def allowed() -> style.PanelBuilder:
    """The cycle's allowance."""
    return style.stat(
        Text(
            "Allowed downtime",
            "Of accounts without a plan of their own; 0.1 % of the billing cycle, 41.76 minutes in 29 days, unless the "
            "configuration promises something else. More breaks the promise.",
        ),
        query(ALLOWED, "allowed"),
        unit=MINUTES,
        decimals=1,
    )


def credits_due() -> style.PanelBuilder:
    """Who gets money back as things are."""
    return style.stat(
        Text(
            "Credits due",
            "Chosen accounts whose availability is so far below a tier of their plan that a part of the bill is given "
            "back; 0 where no plan has credits.",
        ),
        query(f"sum({CREDIT} > bool 0)", "accounts"),
        unit="none",
        steps=((None, style.GOOD), (1, style.WARNING)),
    )


def under_maintenance() -> style.PanelBuilder:
    """Announced windows that hold now."""
    return style.stat(
        Text("Under maintenance", "Chosen accounts inside an announced window, which is neither up nor down."),
        query(f'sum(tidewatch_hosting_account_state{{{ACCOUNT}, state="maintenance"}})', "sites"),
        unit="none",
        steps=((None, style.NEUTRAL),),
    )


def last_line_age() -> style.PanelBuilder:
    """How long the logs have been quiet."""
    return style.stat(
        Text(
            "Last line",
            "Time since a line was last read. Servers log every minute.",
        ),
        query(style.age(f"min(tidewatch_hosting_last_line_timestamp_seconds{{{HOST}}})"), "ago"),
        unit="s",
        decimals=0,
        steps=((None, style.GOOD), (120, style.WARNING), (180, style.BAD)),
    )


def unknown_share() -> style.PanelBuilder:
    """What no verdict is about."""
    spent = f"tidewatch_hosting_account_state_seconds{{{ACCOUNT}"
    return style.stat(
        Text(
            "Time unknown",
            "Share of the chosen accounts' time in this cycle of which nothing is known: the log had not begun, or an "
            "account is older than it. No verdict is about that time.",
        ),
        query(f'sum({spent}, state="unknown"}}) / sum({spent}}})', "unknown"),
        unit="percentunit",
        decimals=1,
        steps=((None, style.NEUTRAL), (0.01, style.WARNING)),
    )


def standings() -> style.PanelBuilder:
    """The live twin of the report's table."""
    name = f"max by (source, account_id, account_name) (tidewatch_hosting_account_info{{{ACCOUNT}}})"
    plan = f"max by (source, account_id, plan) (tidewatch_hosting_account_plan_info{{{ACCOUNT}}})"
    named = (
        f"* on (source, account_id) group_left (account_name) {name} * on (source, account_id) group_left (plan) {plan}"
    )
    asked = (
        f"{REMAINING}",
        f"{CREDIT}",
        f"{DOWNTIME} / 60",
        f"{BUDGET} / 60",
        f"{PROMISE}",
        f"{_spent('maintenance')} / 60",
        f"{_spent('unknown')} / 60",
    )
    return style.table(
        Text(
            "Accounts",
            "What was promised to each account in this cycle, the downtime that it allows and has had, to the second, "
            "and what is left. Maintenance is no downtime; of unknown time nobody can say. The report (`exporter "
            "hosting report`) lists the outages behind it.",
        ),
        *(query(f"{expr} {named}", instant=True, form="table") for expr in asked),
        columns={
            "account_id": style.Column("Account", detail=ONE_ACCOUNT._replace(by="Account"), width=90),
            "account_name": style.Column("Name"),
            "plan": style.Column("Plan"),
            "Value #A": style.Column("Budget left", "percentunit", steps=LEFT, cell=style.PILL, decimals=0, width=110),
            "Value #B": style.Column("Credit", "percentunit", steps=GIVEN_BACK, cell=style.PILL, decimals=0, width=90),
            "Value #C": style.Column("Downtime", MINUTES, decimals=1, width=110),
            "Value #D": style.Column("Allowed", MINUTES, decimals=1, width=110),
            "Value #E": style.Column("Promise", "percentunit", decimals=3, width=100),
            "Value #F": style.Column("Maintenance", MINUTES, steps=RESTED, decimals=1, width=120),
            "Value #G": style.Column("Unknown", MINUTES, steps=NOT_KNOWN, decimals=1, width=110),
        },
        sort=(("Budget left", False), ("Downtime", True)),
        height=10,
    )


def _spent(state: str) -> str:
    return f'max by (source, account_id) (tidewatch_hosting_account_state_seconds{{{ACCOUNT}, state="{state}"}})'


def budgets_over_time() -> style.PanelBuilder:
    """How the budgets of the worst went."""
    return style.timeseries(
        Text(
            "Budget used",
            "Share of the allowed downtime that the worst accounts have had in this cycle; above 100 % the promise is "
            "broken. A late line can take some back. An account that may have no downtime at all has no line.",
        ),
        query(f"topk({MOST_LINES}, 1 - ({REMAINING} > -Inf))", "account {{account_id}}"),
        unit="percentunit",
        limits=((1, style.BAD),),
        detail=ONE_ACCOUNT,
    )


def states_over_time() -> style.PanelBuilder:
    """How many accounts are up, down, and neither."""
    return style.timeseries(
        Text("Accounts by state", "Maintenance and unknown count neither as up nor as down."),
        query(f"sum by (state) (tidewatch_hosting_account_state{{{ACCOUNT}}})", "{{state}}"),
        unit="short",
        colours=dict(ACCOUNT_STATES.values()),
    )


def worst_accounts() -> style.PanelBuilder:
    """When the sites of the worst accounts were down, and why."""
    state = style.state_number(
        "tidewatch_hosting_account_state",
        [name for name, _ in ACCOUNT_STATES.values()],
        by="source, account_id",
        matchers=ACCOUNT,
    )
    return style.status_history(
        Text("Worst accounts", "State of the accounts with the least left of their budget. One row an account."),
        query(f"{state} and on (source, account_id) bottomk({WORST}, {REMAINING})", "account {{account_id}}"),
        states=ACCOUNT_STATES,
        detail=ONE_ACCOUNT,
    )


def servers_over_time() -> style.PanelBuilder:
    """When which server was down, and why."""
    state = style.state_number(
        "tidewatch_hosting_server_state",
        [name for name, _ in SERVER_STATES.values()],
        by="source, server",
        matchers=SERVER,
    )
    return style.state_timeline(
        Text(
            "Servers",
            "One band a server: up, overloaded (workload above 1.0), silent (no heartbeat), or under maintenance.",
        ),
        query(state, "server {{server}}"),
        states=SERVER_STATES,
        detail=ONE_SERVER,
    )


def workloads() -> style.PanelBuilder:
    """Workload by server, and the limit."""
    return style.timeseries(
        Text("Workload", "Workload in each server's last heartbeat. Above 1 every site on the server is down."),
        query(f"max by (source, server) (tidewatch_hosting_server_workload_ratio{{{SERVER}}})", "server {{server}}"),
        unit="percentunit",
        limits=((1, style.BAD),),
        detail=ONE_SERVER,
    )


def downtime_by_server() -> style.PanelBuilder:
    """Which server cost most."""
    spent = f'tidewatch_hosting_server_state_seconds{{{SERVER}, state=~"overload|silent"}}'
    return style.bargauge(
        Text(
            "Downtime by server and cause",
            "Time that each server was overloaded or silent in this cycle, outside of maintenance.",
        ),
        query(
            f"max by (source, server, state) ({spent}) / 60",
            "server {{server}} {{state}}",
            instant=True,
        ),
        unit=MINUTES,
        detail=ONE_SERVER,
    )


def burning() -> style.PanelBuilder:
    """The rate that the alerts look at."""
    down = f"max by (source, account_id) (delta(tidewatch_hosting_account_downtime_seconds{{{ACCOUNT}}}[1h]))"
    return style.timeseries(
        Text(
            "Budget used in the last hour",
            "Share of their allowed downtime that the last hour cost the worst accounts. At 2 % an hour a budget lasts "
            "two days.",
        ),
        query(f"topk({MOST_LINES}, {down} / ({BUDGET} > 0))", "account {{account_id}}"),
        unit="percentunit",
        limits=((0.02, style.BAD),),
        width=24,
        detail=ONE_ACCOUNT,
    )


def ranks() -> style.PanelBuilder:
    """Which server is chosen, by rank of workload."""
    return style.bargauge(
        Text(
            "Chosen server by rank of workload",
            "Share of decisions that took the least loaded server (1), the second least, and so on. Equal bars: "
            "routing doesn't look at workloads, or not enough. The report tests it.",
            "no route has been accounted yet.",
        ),
        query(
            f"sort_desc(sum by (rank) ({DECISIONS}) / on () group_left () sum({DECISIONS}))",
            "rank {{rank}}",
            instant=True,
        ),
        unit="percentunit",
        most=1,
    )


def decisions() -> style.PanelBuilder:
    """How often the manager routes."""
    return style.timeseries(
        Text(
            "Routing decisions",
            "Routes per second: of new accounts, to another server, and to the server that the account was on already.",
            "no route has been accounted yet.",
        ),
        query(f"sum by (kind) (rate(tidewatch_hosting_routing_decisions_total{{{HOST}}}[$window]))", "{{kind}}"),
        unit="cps",
    )


def events_read() -> style.PanelBuilder:
    """What the logs say, and how much of it."""
    return style.timeseries(
        Text("Events read", "Events per second, by kind. Heartbeats should be steady."),
        query(f"sum by (event) (rate(tidewatch_hosting_events_total{{{HOST}}}[$window]))", "{{event}}"),
        unit="eps",
        width=8,
    )


def failed_lines() -> style.PanelBuilder:
    """Lines that are not an event."""
    return style.timeseries(
        Text(
            "Lines not understood",
            "Lines per second that are not an event, by reason; `restating` ones came late.",
            "every line was understood in the range.",
        ),
        query(style.rates_of_what_happened(f"tidewatch_hosting_lines_failed_total{{{HOST}}}", "reason"), "{{reason}}"),
        query(f"sum(rate(tidewatch_hosting_restating_events_total{{{HOST}}}[$window])) > 0", "restating"),
        unit="cps",
        width=8,
    )


def watermark() -> style.PanelBuilder:
    """How far everything is accounted."""
    return style.timeseries(
        Text("Accounted of the cycle", "How much of the billing cycle has been accounted, by the log's own clock."),
        query(
            f"(max by (source) (tidewatch_hosting_watermark_timestamp_seconds{{{HOST}}}) "
            f"- max by (source) (tidewatch_hosting_sla_cycle_start_timestamp_seconds{{{HOST}}})) "
            f"/ (max by (source) (tidewatch_hosting_sla_cycle_end_timestamp_seconds{{{HOST}}}) "
            f"- max by (source) (tidewatch_hosting_sla_cycle_start_timestamp_seconds{{{HOST}}}))",
            "{{source}}",
        ),
        unit="percentunit",
        width=8,
    )


def contract() -> style.PanelBuilder:
    """Whether what is judged by is what is written."""
    return style.state_timeline(
        Text(
            "Plans and maintenance",
            "Whether the files of the contract can be read; where not, those that were read last are in force.",
        ),
        query(f"min by (source) (tidewatch_hosting_contract_readable{{{HOST}}})", "{{source}}"),
        states={1: ("as written", style.GOOD), 0: ("can't be read", style.WARNING)},
        height=4,
    )
