"""What boards ask: queries and the variables in them. A variable's name means one thing on every board."""

from collections.abc import Sequence
from typing import TypeAlias

from dashboards.style._sdk import build_dashboard, build_prometheus, common, dashboard, prometheus

DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
ALL = ".+"  # what "All" means in a query: any value, but not the absence of the label
WINDOWS = ("10s", "1m", "10m")
KEPT = "${__url_time_range}&${datasource:queryparam}"  # what a link between boards takes along
SLOW_SCRAPE_S = 10  # Prometheus' own limit
LONGEST_CODE = 10  # digits of the codes that are put in the order of their numbers

Query: TypeAlias = build_prometheus.Dataquery
Variable: TypeAlias = (
    build_dashboard.QueryVariable
    | build_dashboard.DatasourceVariable
    | build_dashboard.CustomVariable
    | build_dashboard.ConstantVariable
)


def query(expr: str, legend: str = "", *, instant: bool = False, form: str = "time_series") -> Query:
    """One PromQL query over the time range (or, `instant`, at its end); `form` is time_series, table or heatmap."""
    asked = build_prometheus.Dataquery().expr(expr).format(prometheus.PromQueryFormat(form)).datasource(DATASOURCE)
    if legend:
        asked = asked.legend_format(legend)
    return asked.instant() if instant else asked.range()


def state_number(metric: str, states: Sequence[str], *, by: str, matchers: str = "", label: str = "state") -> str:
    """PromQL for a metric with one 0-or-1 series a state: the number, from 1, of the state that holds.

    For `state_timeline`, whose `states` then name the numbers: 1 for the first of `states`, and so on.
    """
    first = f"{matchers}, " if matchers else ""
    numbered = enumerate(states, start=1)
    parts = " or ".join(f'{metric}{{{first}{label}="{state}"}} * {number}' for number, state in numbered)
    return f"sum by ({by}) ({parts})"


def quantile(share: float, buckets: str) -> str:
    """PromQL of a quantile over buckets; where nothing was counted there is none, rather than not a number."""
    return f"histogram_quantile({share}, {buckets}) >= 0"


def rates_of_what_happened(counter: str, by: str) -> str:
    """PromQL of a counter's rates over the window, by label, of those alone that rose within the range.

    For the many reasons that are born at 0: a line at nothing and an entry of the legend for each would fill the panel.
    """
    rose = f"sum by ({by}) (increase({counter}[$__range] @ end())) > 0"
    return f"sum by ({by}) (rate({counter}[$window])) and on ({by}) ({rose})"


def age(newest: str) -> str:
    """PromQL of how long ago a time was. 0 where it lies up to 10 s ahead, which is a scrape that took long.

    What lies further ahead is a clock that is wrong, and is shown.
    """
    since = f"time() - ({newest})"
    return f"clamp_min({since}, 0) and {since} > -{SLOW_SCRAPE_S} or {since}"


def in_numeric_order(expr: str, label: str) -> str:
    """PromQL whose series come in the order of the number in `label`, where Prometheus would put 10 before 2.

    Results of a range come sorted by their labels, as text. So `_order` has numbers with zeros before them; those
    below zero begin with "!" and come the other way round, as -10 is less than -2; words come last, after "~".
    """
    digits = f"[0-9]{{1,{LONGEST_CODE}}}"
    ordered = f'label_replace({expr}, "_order", "~$1", "{label}", "(.*)")'
    for sign, first in (("", ""), ("-", "!")):
        ordered = f'label_replace({ordered}, "_order", "{first}{"0" * LONGEST_CODE}$1", "{label}", "{sign}({digits})")'
        ordered = f'label_replace({ordered}, "_order", "{first}$1", "_order", "{first}0*([0-9]{{{LONGEST_CODE}}})")'
    # Each digit chooses one of ten places between marks, and a mark sorts before a digit: so 9 comes first, and 0 last.
    digit = "|".join(f"({figure})" for figure in range(10))
    places = (f"${{{group}}}" for group in range(1, 10 * LONGEST_CODE + 1))
    return f'label_replace({ordered}, "_order", "!{"!".join(places)}", "_order", "!{f"(?:{digit})" * LONGEST_CODE}")'


def label_variable(
    name: str, title: str, metric: str, label: str = "", *, all_value: str = ALL, may_be_empty: str = ""
) -> Variable:
    """A choice among the values that `label` (by default `name`) has on `metric`; starts at All.

    Args:
        name: what queries call it.
        title: what readers call it.
        metric: a selector.
        label: whose values are offered.
        all_value: what All means; ".*" where series may lack the label.
        may_be_empty: when it is right that nothing is offered.
    """
    asked = f"label_values({metric}, {label or name})"
    variable = (
        build_dashboard.QueryVariable(name)
        .label(title)
        .datasource(DATASOURCE)
        .query(asked)
        .definition(asked)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.NATURAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(all_value)
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )
    return variable.description(f"May be empty: {may_be_empty}") if may_be_empty else variable


def choice_variable(name: str, title: str, values: Sequence[str], first: str) -> Variable:
    """A choice among fixed values, at `first` when the board opens."""
    return (
        build_dashboard.CustomVariable(name)
        .label(title)
        .values(",".join(values))
        .options([dashboard.VariableOption(selected=value == first, text=value, value=value) for value in values])
        .current(dashboard.VariableOption(selected=True, text=first, value=first))
    )


def window_variable() -> Variable:
    """`$window`: how far back each rate looks; short shows steps, long shows trends."""
    return choice_variable("window", "Rate over", WINDOWS, "1m")


def site_variable() -> Variable:
    """`$site`: a site that is measured, by its access log or its stats page."""
    return label_variable("site", "Site", '{__name__=~"tidewatch_http_requests_total|tidewatch_stats_up"}', "source")


def host_variable() -> Variable:
    """`$host`: a web host, by its logs."""
    return label_variable("host", "Host", "tidewatch_hosting_watermark_timestamp_seconds", "source")


def stream_variable() -> Variable:
    """`$stream`: a stream of errors of releases."""
    return label_variable("stream", "Stream", "tidewatch_release_records_total", "source")


def inbox_variable() -> Variable:
    """`$inbox`: a set of stores, by where its polls come in."""
    return label_variable("inbox", "Stores of", "tidewatch_store_polls_total", "source")


def datasource_variable() -> Variable:
    """`$datasource`: the Prometheus that is asked, at first the one that is Grafana's default."""
    return (
        build_dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .hide(dashboard.VariableHide.HIDE_LABEL)  # what it says is clear, and the controls fit a line in wide windows
        .type("prometheus")
        .current(dashboard.VariableOption(selected=True, text="default", value="default"))
    )


def runbooks_constant(address: str) -> Variable:
    """`$runbooks`: where the runbooks are; not shown."""
    return build_dashboard.ConstantVariable("runbooks").label("Runbooks").value(address)
