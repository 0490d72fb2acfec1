"""A file of rules for a Site: its jobs and sources, ranges of at least four scrapes, its links. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

import msgspec

from alerts.export.promql import Matcher, Selector, rewritten, selectors
from alerts.export.site import Names, Site
from alerts.export.words import reworded
from alerts.page import anchor
from alerts.rulefiles import Rule, RuleFile
from exporter.catalogue import every_metric
from foundation.grammar import duration_s, format_duration

LEAST_SCRAPES = 4
"""In a range or an offset: 2.42 and 3.x then both find samples enough for a rate, also when one scrape fails."""
LEAST_SCRAPES_WAITED = 2
"""By `for`, where the last scraped value alone decides: one bad scrape alarms nobody."""
ADAPTIVE = ("site.now", "LogStalled")
"""A group and an alert that choose the shortest range with enough scrapes, up to this many seconds between two."""
LONGEST_S = 75
DEMO_GRAFANA = "http://127.0.0.1:3000"
DEMO_RUNBOOKS = "http://127.0.0.1:8094/runbooks"

Changes = dict[float, float]
"""Durations that grew, in seconds: old to new."""


class Exported(NamedTuple):
    """Rules for a Site, and which of them have longer durations than as they ship, by name."""

    files: dict[str, RuleFile]
    grown: dict[str, dict[str, Changes]]


def exported(files: Mapping[str, RuleFile], site: Site, names: Names | None = None) -> Exported:
    """`files` (by stem) for `site`. `names`: what matchers have instead of the site's own names."""
    grown: dict[str, Changes] = {}
    result: dict[str, RuleFile] = {}
    longer: dict[str, dict[str, Changes]] = {}
    for stem, file in files.items():
        longer[stem] = {}
        groups = []
        for group in file.groups:
            rules = []
            for rule in group.rules:
                adapts = site.scrape_interval_s <= LONGEST_S and {group.name, rule.alert} & {*ADAPTIVE}
                new, changes = _rule(rule, 0 if adapts else site.scrape_interval_s, names or site.names())
                read = [grown.get(selector.metric, {}) for selector in selectors(rule.expr)]
                known = {old: step for each in read for old, step in each.items()} | changes
                if rule.record:
                    grown[rule.record] = known
                if changes:
                    longer[stem][rule.alert or rule.record] = changes
                rules.append(_with_texts(new, known, site))
            groups.append(msgspec.structs.replace(group, name=f"tidewatch.{group.name}", rules=rules))
        result[stem] = RuleFile(groups)
    return Exported(result, longer)


def notes(grown: Mapping[str, Mapping[str, Changes]], scrape_interval_s: float) -> Iterator[str]:
    """A line for each file and duration: what became of it, and in which rules."""
    for stem, rules in grown.items():
        by_change = defaultdict(list)
        for name, changes in rules.items():
            for change in changes.items():
                by_change[change].append(name)
        for (old_s, new_s), names in sorted(by_change.items()):
            yield (
                f"{stem}: {format_duration(old_s)} is too short for scrapes every {format_duration(scrape_interval_s)}"
                f": {format_duration(new_s)} in {', '.join(names)}"
            )


def _rule(rule: Rule, scrape_interval_s: float, names: Names) -> tuple[Rule, Changes]:
    changes: Changes = {}

    def least(scrapes: int) -> Callable[[float], float]:
        """A change of windows: none is shorter than `scrapes` scrape intervals."""

        def longer(seconds: float) -> float:
            """The window, at least `scrapes` intervals; a changed one is noted in `changes`."""
            if seconds >= scrapes * scrape_interval_s:
                return seconds
            changes[seconds] = max(scrapes * scrape_interval_s, changes.get(seconds, 0))
            return scrapes * scrape_interval_s

        return longer

    expr = rewritten(rule.expr, matchers=lambda selector: _matchers(selector, names), duration=least(LEAST_SCRAPES))
    wait = rule.for_
    if wait and any(":" not in selector.metric and not selector.over_range for selector in selectors(rule.expr)):
        wait = format_duration(least(LEAST_SCRAPES_WAITED)(duration_s(wait)))
    return msgspec.structs.replace(rule, expr=expr.strip("\n"), for_=wait), changes


def _matchers(selector: Selector, names: Names) -> Iterable[Matcher]:
    """Those of the selector, its jobs renamed, and for what the exporter exposes its job and the sources."""
    labels = _labels().get(selector.metric)
    if labels is None and ":" in selector.metric:  # a recording: level:metric:operations
        labels = frozenset(selector.metric.partition(":")[0].split("_")) - {"job"}
    elif labels is not None and all(matcher.label != "job" for matcher in selector.matchers):
        yield Matcher("job", "=", names.equal["exporter"])
    if names.source is not None and "source" in (labels or ()):
        yield Matcher("source", "=~", names.source)
    for matcher in selector.matchers:
        yield _renamed(matcher, names) if matcher.label == "job" else matcher


def _renamed(matcher: Matcher, names: Names) -> Matcher:
    """Of several programs, those that the site has."""
    programs = [program for program in matcher.value.split("|") if program in names.equal]
    if len(programs) == 1:
        return Matcher("job", "=", names.equal[programs[0]])
    return Matcher("job", "=~", "|".join(names.regex[program] for program in programs))


def _with_texts(rule: Rule, changes: Changes, site: Site) -> Rule:
    """An alert with the links of the site, and with words that say what its expression does."""
    if not rule.alert:
        return rule
    texts = {name: reworded(text, changes) for name, text in rule.annotations.items()}
    board = texts.pop("dashboard_url").removeprefix(DEMO_GRAFANA)
    texts.pop("runbook_url")
    if site.runbooks is not None:
        texts["runbook_url"] = f"{site.runbooks}#{anchor(rule.alert)}"
    if site.grafana is not None:
        texts["dashboard_url"] = f"{site.grafana}{board}"
    return msgspec.structs.replace(rule, annotations=texts)


@cache
def _labels() -> dict[str, frozenset[str]]:
    """The labels of each series that the exporter exposes, by the name it has in Prometheus."""
    found: dict[str, frozenset[str]] = {}
    for metric in every_metric():
        parts = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
        found |= {metric.name + part: frozenset(metric.labels) for part in parts}
    return found
