"""What every rule promises, whichever file it stands in; a new file in alerts/rules/ is held to the same."""

import fnmatch
import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import promql_parser
import yaml
from promql_parser import AggregateExpr, BinaryExpr, Call, MatrixSelector, VectorSelector

from alerts.check import RECEIVERS
from alerts.page import anchor, runbooks_page
from alerts.receiver import runbooks
from alerts.rulefiles import HERE, every_alert, every_rule, rule_files
from exporter.catalogue import every_metric
from foundation.web.metrics import RELOAD_SUCCESS

TOP = Path(__file__).parents[2]
SCRAPE_INTERVAL = timedelta(
    seconds=int(yaml.safe_load((HERE / "prometheus.yml").read_text())["global"]["scrape_interval"].rstrip("s"))
)
RUNBOOKS = "http://127.0.0.1:8094/runbooks#"
BOARDS = "http://127.0.0.1:3000/d/"
DASHBOARDS = {
    board["uid"]: board
    for board in map(json.loads, (p.read_text() for p in (TOP / "dashboards" / "json").glob("*.json")))
}
FILES = list(rule_files().values())
RULES = list(every_rule())
ALERTS = every_alert()
OF_OTHERS = {  # what is not the exporter's: the type by name
    "ALERTS": "gauge",
    "up": "gauge",
    "process_start_time_seconds": "gauge",
    "prometheus_config_last_reload_successful": "gauge",
    "prometheus_rule_evaluation_failures_total": "counter",
    "prometheus_notifications_alertmanagers_discovered": "gauge",
    "alertmanager_notifications_total": "counter",
    "alertmanager_notifications_failed_total": "counter",
    "timeserver_log_dropped_lines_total": "counter",
    "trafficgen_planned_requests_total": "counter",
    "trafficgen_sent_requests_total": "counter",
    "trafficgen_responses_total": "counter",
    "trafficgen_dropped_requests_total": "counter",
    "trafficgen_saturated": "gauge",
    **dict.fromkeys(
        (f"{program}_{RELOAD_SUCCESS[0]}" for program in ("timeserver", "trafficgen", "alert_receiver")), "gauge"
    ),
}
OF_ANYBODY = {"up", "process_start_time_seconds"}
SYSTEMS = {"site", "generator", "logs", "hosting", "stores", "releases", "itself"}
COUNTER_FUNCTIONS = {"rate", "increase", "irate", "resets"}
NOT_ON_BOTH = {  # functions that only one of 2.42 and 3.x knows, or that stand behind a flag
    "holt_winters",
    "double_exponential_smoothing",
    "mad_over_time",
    "histogram_avg",
    "histogram_stddev",
    "histogram_stdvar",
    "info",
    "sort_by_label",
    "sort_by_label_desc",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "ts_of_last_over_time",
    "first_over_time",
}


def walk(node):
    """`node` and every expression below it."""
    yield node
    if isinstance(node, promql_parser.BinaryExpr):
        children = [node.lhs, node.rhs]
    elif isinstance(node, promql_parser.Call):
        children = list(node.args)
    elif isinstance(node, promql_parser.AggregateExpr):
        children = [node.expr, *([node.param] if node.param is not None else [])]
    elif isinstance(node, promql_parser.MatrixSelector):
        children = [node.vector_selector]
    elif isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr | promql_parser.SubqueryExpr):
        children = [node.expr]
    else:
        children = []
    for child in children:
        yield from walk(child)


def name_of(rule):
    """Rules of one name differ in the service level that they are of."""
    return " ".join(filter(None, (rule.alert or rule.record, rule.labels.get("slo"))))


def metric_types():
    types = dict(OF_OTHERS)
    for metric in every_metric():
        if metric.type == "histogram":
            types |= {f"{metric.name}_{part}": "counter" for part in ("bucket", "sum", "count")}
        else:
            types[metric.name] = metric.type
    return types | {rule.record: "gauge" for rule in RULES if rule.record}


TYPES = metric_types()
TREES = {rule.expr: list(walk(promql_parser.parse(rule.expr))) for rule in RULES}


def nodes(rule, *kinds):
    return [node for node in TREES[rule.expr] if isinstance(node, kinds)]


def functions(rule):
    return {call.func.name for call in nodes(rule, Call)}


def operators(rule, kind):
    return {str(node.op) for node in nodes(rule, kind)}


def offenders(rules, wrong):
    """The names of the rules of which `wrong` is true."""
    return [name_of(rule) for rule in rules if wrong(rule)]


def test_every_metric_exists():
    assert {node.name for rule in RULES for node in nodes(rule, VectorSelector)} <= TYPES.keys()


def test_a_file_has_the_recordings_that_it_needs():
    """Whoever loads one of the files has all of it; only the generator's is compared with rates of site-log.yml."""
    recorded = {
        path.stem: {r.record for group in file.groups for r in group.rules} for path, file in rule_files().items()
    }
    lacking = {
        path.stem: {
            node.name
            for group in file.groups
            for rule in group.rules
            for node in nodes(rule, VectorSelector)
            if ":" in node.name and node.name not in recorded[path.stem]
        }
        for path, file in rule_files().items()
    }
    assert lacking.pop("generator") <= recorded["site-log"]
    assert {stem for stem, names in lacking.items() if names} == set()


def test_rates_are_of_counters_over_four_scrapes_or_more():
    """And never of a sum, which forgets that counters reset one by one: the argument is a plain range."""
    calls = [call for rule in RULES for call in nodes(rule, Call) if call.func.name in COUNTER_FUNCTIONS]
    ranges = [call.args[0] for call in calls]
    assert calls
    assert all(isinstance(matrix, MatrixSelector) for matrix in ranges)
    assert {TYPES[matrix.vector_selector.name] for matrix in ranges} == {"counter"}
    assert min(matrix.range for matrix in ranges) >= 4 * SCRAPE_INTERVAL


def test_no_rule_asks_for_the_targets_of_others():
    """Loaded beside somebody's own rules, ours must not page for all that is scraped there."""
    ours = {"exporter", "timeserver", "stats-probe", "trafficgen"}
    its_own = {"prometheus-meta": {"prometheus", "alertmanager"}}
    for path, file in rule_files().items():
        for node in (n for g in file.groups for r in g.rules for n in nodes(r, VectorSelector) if n.name in OF_ANYBODY):
            (matcher,) = node.matchers.matchers
            assert matcher.name == "job"
            assert str(matcher.op) in {"MatchOp.Equal", "MatchOp.Re"}
            assert set(matcher.value.split("|")) <= its_own.get(path.stem, ours)


def test_counters_are_read_only_as_increases():
    """But for `and` and `unless`, which ask no more than whether a series is there, and for the time of a sample."""

    def wrong(rule):
        asked_for = [
            str(selector)
            for node in nodes(rule, BinaryExpr)
            if str(node.op) in {"and", "unless"}
            for selector in walk(node)
            if isinstance(selector, VectorSelector)
        ]
        asked_for += [str(call.args[0]) for call in nodes(rule, Call) if call.func.name == "timestamp"]
        in_ranges = [str(matrix.vector_selector) for matrix in nodes(rule, MatrixSelector)]
        selectors = [str(node) for node in nodes(rule, VectorSelector) if TYPES[node.name] == "counter"]
        return Counter(selectors) - Counter(in_ranges) - Counter(asked_for)

    assert offenders(RULES, wrong) == []


def test_rules_mean_the_same_on_2_42_and_on_3_x():
    assert offenders(RULES, lambda rule: functions(rule) & NOT_ON_BOTH) == []
    assert offenders(RULES, lambda rule: operators(rule, AggregateExpr) & {"limitk", "limit_ratio"}) == []


def test_aggregations_say_what_they_keep():
    """`without` and a bare sum() give another result as soon as somebody adds a label."""
    kept = [node.modifier and str(node.modifier.type) for rule in RULES for node in nodes(rule, AggregateExpr)]
    assert set(kept) == {"AggModifierType.By"}


def test_names_are_unique():
    """An alert may stand in several files, each of which asks it of its own system, and once a severity."""
    for rules in ([rule for rule in RULES if rule.record], *([r for g in f.groups for r in g.rules] for f in FILES)):
        assert [
            name
            for name, count in Counter((name_of(rule), tuple(rule.labels.items())) for rule in rules).items()
            if count > 1
        ] == []
    groups = [group.name for file in rule_files().values() for group in file.groups]
    assert [name for name, count in Counter(groups).items() if count > 1] == []


def test_recordings_are_named_level_metric_operations():
    """The level holds the labels that the outermost sum keeps."""

    def wrong(rule):
        match = re.fullmatch(r"([a-z_]+):[a-z][a-z0-9_]*:[a-z0-9_]+", rule.record)
        kept = {part for labels in re.findall(r"by \(([^)]*)\)", rule.expr) for part in re.split(r", |_", labels)}
        return not match or not kept <= set(match[1].split("_"))

    assert offenders([rule for rule in RULES if rule.record], wrong) == []


def test_an_alert_says_how_loud_what_and_where_to_look():
    want = {"summary", "description", "runbook_url", "dashboard_url"}
    assert offenders(ALERTS, lambda alert: not re.fullmatch(r"[A-Z][A-Za-z0-9]+", alert.alert)) == []
    assert offenders(ALERTS, lambda alert: alert.labels.get("severity") not in RECEIVERS) == []
    assert offenders(ALERTS, lambda alert: alert.annotations.keys() != want) == []
    assert offenders(ALERTS, lambda alert: "\n" in alert.annotations["summary"]) == []


def test_an_alert_names_the_system_whose_board_shows_it():
    """By it the boards choose what is theirs; a log of the exporter is on the board "Tidewatch itself", too."""
    assert {alert.labels.get("system") for alert in ALERTS} == SYSTEMS

    def wrong(alert):
        uid = link_of(alert)[0]["uid"].removeprefix("tidewatch-")
        return alert.labels["system"] != uid and uid != "itself"

    assert offenders(ALERTS, wrong) == []


def test_the_summary_tells_the_value_where_there_is_one():
    def wrong(alert):
        says_nothing = re.search(r"== [01]\Z|^absent|^vector", alert.expr.strip())
        return ("$value" in alert.annotations["summary"]) == bool(says_nothing)

    assert offenders(ALERTS, wrong) == []


def test_a_value_in_a_summary_has_its_unit():
    """A duration or a percentage brings it along; after a number stands what it is a number of."""
    brings_it = re.compile(r"{{ \$value \| humanize(Duration|Percentage) }}|{{ \$value \| humanize1024 }}B\b")
    names_it = re.compile(
        r'{{ (\$value|\$value \| humanize|printf "%\.\d[fg]" \$value) }} [a-z]|{{ \$value }} Alertmanagers'
    )

    def wrong(alert):
        summary = alert.annotations["summary"]
        return len(brings_it.findall(summary)) + len(names_it.findall(summary)) != summary.count("$value")

    assert offenders(ALERTS, wrong) == []


AT_ONCE = {
    "SloBurn14": "its windows are the wait",
    **dict.fromkeys(("SloBurn6", "SloBurn3", "SloBurn1", "SloBudgetLow", "SloBudgetSpent"), "as SloBurn14"),
    "SiteServerErrors": "even one is a fault",
    "SiteErrorRatioHigh": "its bound against chance is the wait",
    "SiteTrafficStopped": "its pause is the wait",
    "StoreOffline": "two polls are the wait",
    "StoreIngestStale": "its age is the wait",
    **dict.fromkeys(("LogLostBytes", "CheckpointProblems", "TimeserverLogLosesLines", "StoreReportFailed"), "happened"),
    **dict.fromkeys(("PushLosesSamples", "LogValuesFailed"), "happened"),
    **dict.fromkeys(("RuleEvaluationFailing", "ProcessRestarting", "LogMessagesDropped", "LogGap"), "happened"),
    "ReleaseNewErrorCode": "new for ten minutes",
    "ReleaseCodeIncreased": "the exporter decides",
    **dict.fromkeys(("ReleaseCodeIncreasedSlightly", "ReleaseCodeOnset"), "as ReleaseCodeIncreased"),
    **dict.fromkeys(("ReleaseCodeBursts", "ReleaseCodesRoseAlike"), "as ReleaseCodeIncreased"),
    "Watchdog": "always fires",
}


def test_an_alert_waits_or_there_is_a_reason_why_not():
    assert {alert.alert for alert in ALERTS if not alert.for_} == AT_ONCE.keys()


def test_what_has_happened_is_told_for_as_long_as_its_range():
    """An increase keeps an alert by itself; a comparison of what comes and goes needs `for` or `keep_firing_for`."""
    happened = {name for name, why in AT_ONCE.items() if why == "happened"}
    assert (
        offenders([a for a in ALERTS if a.alert in happened], lambda a: not functions(a) & {"increase", "changes"})
        == []
    )


def test_an_alert_compares():
    """Without a comparison it fires whatever the value is; absence and the watchdog mean to."""
    comparisons = {"==", "!=", ">", "<", ">=", "<="}
    without = offenders(ALERTS, lambda alert: not comparisons & operators(alert, BinaryExpr))
    assert offenders(ALERTS, lambda a: name_of(a) in without and not functions(a) & {"absent", "vector"}) == []


def test_an_alert_is_not_fragile():
    """topk() changes its labels from one evaluation to the next; absent() is true while Prometheus starts."""
    assert offenders(ALERTS, lambda alert: operators(alert, AggregateExpr) & {"topk", "bottomk"}) == []
    assert offenders(ALERTS, lambda alert: "absent" in functions(alert) and not alert.for_) == []


def test_each_runbook_is_there():
    page = runbooks_page(runbooks())

    def wrong(alert):
        url = alert.annotations["runbook_url"]
        return url != RUNBOOKS + anchor(alert.alert) or f'id="{anchor(alert.alert)}"' not in page

    assert offenders(ALERTS, wrong) == []


def test_each_runbook_says_what_to_do():
    sections = re.split(r"^### ", runbooks(), flags=re.MULTILINE)[1:]
    texts = {heading.strip(): text.strip() for heading, _, text in (section.partition("\n") for section in sections)}
    assert {alert.alert for alert in ALERTS} == texts.keys()
    assert {name for name, text in texts.items() if len(text) < 100} == set()


def test_tables_name_alerts_that_exist():
    """What mutes and is muted, and what ours is of what peers alert on; `Site*` is any that begins so."""
    names = {alert.alert for alert in ALERTS}
    of_peers = runbooks().partition("## What peers alert on")[2].partition("\n## ")[0]
    cells = [line.rpartition(" | ")[2] for line in of_peers.splitlines() if line.startswith("| ")]
    muting = runbooks().partition("| fires | mutes |")[2].partition("\n\n")[0]
    named = re.findall(r"`([A-Z][a-z]+(?:[A-Z][A-Za-z0-9]+|\*)\*?)`", "\n".join([muting, *cells]))
    assert len(set(named)) > 40
    assert [name for name in named if not fnmatch.filter(names, name) and name != "PrometheusRule"] == []


def test_each_dashboard_is_there_and_knows_the_variables():
    def wrong(alert):
        board, panel, variables = link_of(alert)
        used = {name for name, _ in variables}
        known = {f"var-{variable['name']}" for variable in board["templating"]["list"]} if board else set()
        return not board or not used <= known or (panel is not None and panel not in panels_of(board))

    assert offenders(ALERTS, wrong) == []


def test_values_in_a_link_are_encoded():
    """A source may have a blank or an ampersand in its name."""

    def wrong(alert):
        return [value for _, value in link_of(alert)[2] if not re.fullmatch(r"{{ \$labels\.\w+ \| urlquery }}", value)]

    assert offenders(ALERTS, wrong) == []


def test_the_panel_of_a_link_shows_what_the_alert_is_about():
    """One metric at least of the alert's, or one of the recordings that it reads, or of theirs, is in the panel."""
    recorded = {rule.record: rule for rule in RULES if rule.record}

    def exposed(rule, seen=frozenset()):
        names = {node.name for node in nodes(rule, VectorSelector)} - seen
        below = [exposed(recorded[name], seen | names) for name in names & recorded.keys()]
        return names.union(*below) - {"ALERTS"}

    def wrong(alert):
        board, panel, _ = link_of(alert)
        if panel is None:
            return False
        queries = " ".join(target.get("expr", "") for target in panels_of(board)[panel].get("targets", []))
        families = {re.sub("_(total|bucket|sum|count)$", "", name) for name in exposed(alert)}
        return not any(re.search(rf"\b{name}(_|\b)", queries) for name in families)

    assert offenders(ALERTS, wrong) == []


NO_PANEL = {
    "PrometheusConfigInvalid",  # a configuration is in a log and not in a series
    "ExporterConfigInvalid",
    "ExporterWebConfigInvalid",
    "WebConfigInvalid",
    "RuleEvaluationFailing",  # Prometheus' own pages have it
    "NotificationsFailing",
    "Watchdog",  # nothing is wrong
    "SiteTrafficUnknown",  # there is nothing to see
    "GeneratorDown",  # all of its board ends
    "CheckpointProblems",  # its reason is in a log
    "LogFilesSkipped",  # the log names the files
    "PushedExporterGone",  # there is nothing to see
    "PushLosesSamples",  # few exporters push
    "TimeserverLogLosesLines",
    "ProcessRestarting",
    "LogMessagesDropped",  # of inputs that few have; the alert has the reason
    "LogGap",
}
"""Alerts about what no panel shows; their links open a board."""


def test_every_other_alert_opens_the_panel_that_shows_its_fault():
    assert {alert.alert for alert in ALERTS if link_of(alert)[1] is None} == NO_PANEL


OF_READING = {
    "LogBehind",
    "LogFilesSkipped",
    "LogGap",
    "LogLinesFailed",
    "LogLostBytes",
    "LogMessagesDropped",
    "LogUnreadable",
    "RangeTooShort",
    "SiteTrafficUnknown",
    "StatsPageUnreachable",
}
"""Alerts of a system that is not measured; the board of what measures it has their panels."""


def test_an_alert_leads_to_the_board_that_lists_it():
    """Nobody looks for a fault of the load generator on the board of the exporter."""
    of_system = {listed: board["uid"] for board in DASHBOARDS.values() if (listed := lists(board))}
    assert set(of_system) == SYSTEMS

    def elsewhere(alert):
        board, _, _ = link_of(alert)
        return board["uid"] != of_system[alert.labels.get("system", "itself")]

    other = [alert for alert in ALERTS if elsewhere(alert)]
    assert {alert.alert for alert in other} == OF_READING
    assert {link_of(alert)[0]["uid"] for alert in other} == {of_system["itself"]}


def lists(board):
    """The system whose alerts the board begins with; None where it has no such list."""
    of_head = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    found = {system for expr in of_head if "ALERTS{" in expr for system in re.findall(r'system="([a-z]+)"', expr)}
    return found.pop() if len(found) == 1 else None


def link_of(alert):
    """(board or None, panel's id or None, [(variable, its value)]) of an alert's dashboard_url."""
    url, _, query = alert.annotations["dashboard_url"].partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
    panel = next((int(value) for name, value in pairs if name == "viewPanel"), None)
    variables = [(name, value) for name, value in pairs if name != "viewPanel"]
    return DASHBOARDS.get(url.removeprefix(BOARDS)), panel, variables


def panels_of(board):
    return {panel["id"]: panel for panel in board["panels"] if panel["type"] != "row"}


ENDS_AT_ONCE = {  # before what mutes it does, else it would be told at the recovery
    "StatsPageUnreachable",
    "StorePollsMissing",
}


def test_what_moves_around_a_limit_fires_on_after_it():
    """A share, a percentile or a score near its limit would be a message each minute."""
    shares = re.compile(r"_ratio$|:(ratio|zscore|p90)")

    def moves(rule):
        divides = "/" in operators(rule, BinaryExpr) or functions(rule) & {"histogram_quantile", "avg_over_time"}
        return divides or any(shares.search(node.name) for node in nodes(rule, VectorSelector))

    moving = [alert for alert in ALERTS if moves(alert)]
    assert len({alert.alert for alert in moving}) > 12
    assert set(offenders(moving, lambda alert: not alert.keep_firing_for)) == ENDS_AT_ONCE


def test_what_comes_through_the_exporter_says_so():
    """`via` is what lets a missing exporter mute the rest."""
    told = {name for metric in every_metric() for name in TYPES if name.startswith(metric.name)}
    by_record = {rule.record: rule for rule in RULES if rule.record}

    def from_exporter(rule, seen=frozenset()):
        """Some recordings carry their own last value on."""
        names = {node.name for node in nodes(rule, VectorSelector)} - seen
        recorded = names & by_record.keys()
        return bool(names & told) or any(from_exporter(by_record[name], seen | names) for name in recorded)

    assert offenders(ALERTS, from_exporter) == offenders(ALERTS, lambda alert: alert.labels.get("via") == "exporter")
