"""What boards ask: queries and the variables in them."""

from collections.abc import Sequence
from typing import TypeAlias

from dashboards.style._sdk import build_dashboard, build_prometheus, common, dashboard, prometheus

DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
ALL = ".+"  # what "All" stands for in a query: any value, but not the absence of the label
WINDOWS = ("10s", "1m", "10m")
KEPT = "${__url_time_range}&${datasource:queryparam}"  # what a link between boards takes along

Query: TypeAlias = build_prometheus.Dataquery
Variable: TypeAlias = (
    build_dashboard.QueryVariable | build_dashboard.DatasourceVariable | build_dashboard.CustomVariable
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


def label_variable(name: str, title: str, metric: str, label: str = "") -> Variable:
    """A choice among the values that `label` (by default `name`) has on `metric`; starts at All."""
    asked = f"label_values({metric}, {label or name})"
    return (
        build_dashboard.QueryVariable(name)
        .label(title)
        .datasource(DATASOURCE)
        .query(asked)
        .definition(asked)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(ALL)
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )


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
