"""What mutes what, for somebody else's Alertmanager: `inhibit_rules` of alertmanager.yml under a Site's names. Pure.

Alerts of others pass through the same Alertmanager, so each rule names alerts of ours, or labels that only ours have.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from alerts.export.promql import Matcher
from alerts.export.site import Site, literal
from alerts.rulefiles import Rule

_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"(.*)"', re.DOTALL)
_OF_TARGETS = frozenset({"job", "instance", "others"})
"""Labels that alerts have from what they are about; the others of a matcher are in the rules."""


class InhibitRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """While an alert of `source_matchers` fires, those of `target_matchers` with the labels `equal` are muted."""

    source_matchers: list[str]
    target_matchers: list[str]
    equal: list[str] = []


def inhibit_rules(shipped: Iterable[InhibitRule], alerts: Sequence[Rule], site: Site) -> Iterator[InhibitRule]:
    """Those of the `shipped` rules of which `alerts` has both sides, with the jobs and the sources of `site`."""
    for rule in shipped:
        source, target = (list(map(_parsed, side)) for side in (rule.source_matchers, rule.target_matchers))
        causes, effects = _names(source, alerts), _names(target, alerts)
        if "alertname" in rule.equal:
            causes = effects = causes & effects
        program = next((matcher.value for matcher in source if matcher.label == "job"), None)
        if not causes or not effects or (program is not None and program not in site.jobs):
            continue
        if "alertname" in rule.equal:
            source.append(Matcher("alertname", "=~", "|".join(sorted(causes))))
        source = [_with_job(matcher, site) for matcher in source]
        for limit in _limits(site) if program == "exporter" else [[]]:
            yield InhibitRule([_text(m) for m in source], [_text(m) for m in [*target, *limit]], rule.equal)


def _limits(site: Site) -> list[list[Matcher]]:
    """Whom a missing exporter mutes: all that comes through it; of several exporters, what comes through this one."""
    if site.source is None:
        return [[]]
    return [[Matcher("source", "=~", site.source)], [Matcher("job", "=", site.jobs["exporter"])]]


def _with_job(matcher: Matcher, site: Site) -> Matcher:
    return Matcher("job", "=", site.jobs[matcher.value]) if matcher.label == "job" else matcher


def _names(matchers: list[Matcher], alerts: Iterable[Rule]) -> set[str]:
    """The alerts that may have labels such as these."""
    return {
        alert.alert
        for alert in alerts
        if all(_matches(matcher, {"alertname": alert.alert, **alert.labels}) for matcher in matchers)
    }


def _matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    pattern = matcher.value if "~" in matcher.op else literal(matcher.value)
    return matcher.label in _OF_TARGETS or bool(re.fullmatch(pattern, labels.get(matcher.label, "")))


def _parsed(text: str) -> Matcher:
    match = _MATCHER.fullmatch(text)
    assert match, f"alertmanager.yml: {text}"
    return Matcher(*match.groups())


def _text(matcher: Matcher) -> str:
    """With the quotation marks that both parsers of matchers, the classic and the UTF-8 one, read alike."""
    escaped = matcher.value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{matcher.label}{matcher.op}"{escaped}"'
