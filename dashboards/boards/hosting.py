"""Hosting SLA: who gets less than was promised, which server is to blame, where accounts are routed."""

from dashboards import style
from dashboards.style import Text, query

HOST = 'source=~"$host"'
ACCOUNT = 'source=~"$host", account_id=~"$account"'
SERVER = 'source=~"$host", server=~"$server"'
REMAINING = f"min by (source, account_id) (tidewatch_hosting_sla_budget_remaining_ratio{{{ACCOUNT}}})"
DOWNTIME = f"max by (source, account_id) (tidewatch_hosting_account_downtime_seconds{{{ACCOUNT}}})"
DECISIONS = f'tidewatch_hosting_routing_decisions_total{{{HOST}, kind!="stay"}}'
SERVER_STATES = {1: ("up", style.GOOD), 2: ("overload", style.BAD), 3: ("silent", style.UNKNOWN)}
ACCOUNT_STATES = SERVER_STATES | {4: ("unrouted", style.INFO), 5: ("unknown", style.ABSENT)}
MINUTES = "suffix:min"
ALLOWED = f"max(tidewatch_hosting_sla_allowed_downtime_seconds{{{HOST}}}) / 60"
ONE_ACCOUNT = style.Detail("Only this account", "tidewatch-hosting", "account", "account_id", keep=("host", "window"))
ONE_SERVER = style.Detail("Only this server", "tidewatch-hosting", "server", "server", keep=("host", "window"))
WORST = 20  # accounts a panel; more rows than this are not read
MOST_LINES = 10  # accounts a chart; more lines than this are not told apart
LEFT = ((None, style.BAD), (0, style.WARNING), (0.5, style.GOOD))


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-hosting",
        title="Hosting SLA",
        description="A web host's promise: downtime of its customers against the cycle's allowance, and its causes.",
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
                [promises_broken(), budget_of_the_worst(), accounts_down(), servers_down(), allowed(), last_line_age()],
            ),
            style.Row("Who gets less than was promised?", [standings(), downtime_over_time(), worst_accounts()]),
            style.Row("Which server is to blame?", [servers_over_time(), workloads(), downtime_by_server()]),
            style.Row("How fast do budgets go?", [burning()]),
            style.Row("Does routing follow the workload?", [ranks(), decisions()]),
            style.Row("Is every line read?", [events_read(), failed_lines(), watermark()]),
        ],
    )


def promises_broken() -> style.PanelBuilder:
    """Accounts above the allowance."""
    return style.stat(
        Text("Promises broken", "Chosen accounts with more downtime in this cycle than allowed; the table names them."),
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
        query(f'sum(tidewatch_hosting_server_state{{{SERVER}, state!="up"}})', "servers"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def allowed() -> style.PanelBuilder:
    """The cycle's allowance."""
    return style.stat(
        Text(
            "Allowed downtime",
            "0.1 % of the billing cycle, 41.76 minutes in 29 days. More breaks the promise.",
        ),
        query(ALLOWED, "allowed"),
        unit=MINUTES,
        decimals=1,
    )


def last_line_age() -> style.PanelBuilder:
    """How long the logs have been quiet."""
    return style.stat(
        Text(
            "Last line",
            "Time since a line was last read. Servers log every minute.",
        ),
        query(f"time() - min(tidewatch_hosting_last_line_timestamp_seconds{{{HOST}}})", "ago"),
        unit="s",
        decimals=0,
        steps=((None, style.GOOD), (120, style.WARNING), (180, style.BAD)),
    )


def standings() -> style.PanelBuilder:
    """The live twin of the report's table."""
    name = f"max by (source, account_id, account_name) (tidewatch_hosting_account_info{{{ACCOUNT}}})"
    named = f"* on (source, account_id) group_left (account_name) {name}"
    return style.table(
        Text(
            "Accounts",
            "Downtime of each account in this cycle, to the second, and what is left of its allowance. The report "
            "(`exporter hosting report`) lists the outages behind it.",
        ),
        query(f"{DOWNTIME} / 60 {named}", instant=True, form="table"),
        query(f"{REMAINING} {named}", instant=True, form="table"),
        columns={
            "account_id": style.Column("Account", detail=ONE_ACCOUNT._replace(by="Account"), width=90),
            "account_name": style.Column("Name"),
            "Value #A": style.Column("Downtime", MINUTES, decimals=1, width=110),
            "Value #B": style.Column(
                "Allowance left", "percentunit", steps=LEFT, cell=style.PILL, decimals=0, width=120
            ),
        },
        sort=(("Allowance left", False), ("Downtime", True)),
        width=12,
        height=10,
    )


def downtime_over_time() -> style.PanelBuilder:
    """How the downtime of the worst grew."""
    return style.timeseries(
        Text(
            "Downtime in the cycle",
            "Downtime so far of the worst accounts. A late line can take some back.",
        ),
        query(f"topk({MOST_LINES}, {DOWNTIME}) / 60", "account {{account_id}}"),
        query(ALLOWED, "allowed"),
        unit=MINUTES,
        colours={"allowed": style.BAD},
        looks={"allowed": style.DASHED},
        height=10,
        detail=ONE_ACCOUNT,
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
        Text("Worst accounts", "State of the accounts with the least left of their allowance. One row an account."),
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
        Text("Servers", "One band a server: up, overloaded (workload above 1.0), or silent (no heartbeat)."),
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
    return style.bargauge(
        Text("Downtime by server and cause", "Time that each server was overloaded or silent in this cycle."),
        query(
            f'max by (source, server, state) (tidewatch_hosting_server_state_seconds{{{SERVER}, state!="up"}}) / 60',
            "server {{server}} {{state}}",
            instant=True,
        ),
        unit=MINUTES,
        detail=ONE_SERVER,
    )


def burning() -> style.PanelBuilder:
    """The rate that the alerts look at."""
    down = f"tidewatch_hosting_account_downtime_seconds{{{ACCOUNT}}}"
    return style.timeseries(
        Text(
            "Downtime in the last hour",
            "What the last hour cost the worst accounts. Above the line, and three minutes, it alerts.",
        ),
        query(f"topk({MOST_LINES}, max by (source, account_id) (delta({down}[1h]))) / 60", "account {{account_id}}"),
        query(f"0.02 * {ALLOWED}", "2 % of the allowance"),
        unit=MINUTES,
        colours={"2 % of the allowance": style.BAD},
        looks={"2 % of the allowance": style.DASHED},
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
            "Routes a second: of new accounts, to another server, and to the server that the account was on already.",
            "no route has been accounted yet.",
        ),
        query(f"sum by (kind) (rate(tidewatch_hosting_routing_decisions_total{{{HOST}}}[$window]))", "{{kind}}"),
        unit="cps",
    )


def events_read() -> style.PanelBuilder:
    """What the logs say, and how much of it."""
    return style.timeseries(
        Text("Events read", "Events a second, by kind. Heartbeats should be steady."),
        query(f"sum by (event) (rate(tidewatch_hosting_events_total{{{HOST}}}[$window]))", "{{event}}"),
        unit="eps",
        width=8,
    )


def failed_lines() -> style.PanelBuilder:
    """Lines that are no event."""
    return style.timeseries(
        Text("Lines not understood", "Lines a second that are no event, by reason; `restating` ones came late."),
        query(f"sum by (reason) (rate(tidewatch_hosting_lines_failed_total{{{HOST}}}[$window]))", "{{reason}}"),
        query(f"sum(rate(tidewatch_hosting_restating_events_total{{{HOST}}}[$window]))", "restating"),
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
