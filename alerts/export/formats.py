"""What is exported as text by file name: files of rules, Kubernetes' PrometheusRule, a mixin, what mutes what. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from alerts.export.inhibition import InhibitRule
from alerts.export.rewrite import exported
from alerts.export.site import Names, Site
from alerts.rulefiles import Group, Rule, RuleFile
from alerts.yamltext import yaml_text

MARK = "Written by `python -m alerts export`"
"""In the first line of every file: what a later export may replace."""
_HEADER = f"{MARK}, which replaces it; change it there."

Texts = dict[str, str]


def rules(files: Mapping[str, RuleFile]) -> Texts:
    """One file of rules, as `rule_files` of prometheus.yml takes it, for each of `files` (by stem)."""
    return {f"{stem}.yml": _yaml(_plain(file)) for stem, file in files.items()}


def prometheusrules(files: Mapping[str, RuleFile]) -> Texts:
    """One resource of Kubernetes' Prometheus operator for each of `files`."""
    texts = {}
    for stem, file in files.items():
        name = stem if stem.startswith("tidewatch") else f"tidewatch-{stem}"
        resource = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "tidewatch"}},
            "spec": _plain(file),
        }
        texts[f"{stem}.yml"] = _yaml(resource)
    return texts


def boards(found: Mapping[str, object]) -> Texts:
    """Dashboards as they are, for Grafana's provisioning or its import by hand; `found` by the names of their files."""
    return {
        name: json.dumps({"__comment": _HEADER, **msgspec.convert(board, dict)}, indent=2, ensure_ascii=False) + "\n"
        for name, board in found.items()
    }


def configmaps(found: Mapping[str, object]) -> Texts:
    """One ConfigMap for each dashboard, with the label by which the sidecar of Grafana's Helm chart finds it."""
    texts = {}
    for name, board in found.items():
        stem = name.removesuffix(".json")
        resource = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": stem,
                "labels": {"app.kubernetes.io/part-of": "tidewatch", "grafana_dashboard": "1"},
                "annotations": {"grafana_folder": "Tidewatch"},
            },
            "data": {name: json.dumps(board, separators=(",", ":"), ensure_ascii=False)},
        }
        texts[f"{stem}.yml"] = _yaml(resource)
    return texts


def html(name: str, text: str) -> Texts:
    """A page that is not rules, as it is."""
    return {name: f"<!-- {_HEADER} -->\n{text}"}


def inhibition(rules: Iterable[InhibitRule]) -> Texts:
    """The section of alertmanager.yml, which can include no file."""
    where = "# The section of alertmanager.yml: put its rules below the `inhibit_rules` there."
    header, text = _yaml({"inhibit_rules": msgspec.to_builtins(list(rules))}).split("\n", 1)
    return {"inhibit_rules.yml": f"{header}\n{where}\n{text}"}


def mixin(files: Mapping[str, RuleFile], site: Site, boards: Mapping[str, object]) -> Texts:
    """A mixin: mixin.libsonnet and what it imports. `files` as they ship, `boards` by the names of their files.

    Jobs, sources and links stay open in it: `_config.tidewatch` has those of `site`, and who imports it may set others.
    """
    for_config = msgspec.structs.replace(site, runbooks="", grafana="")
    groups = [group for file in exported(files, for_config, _slots(site)).files.values() for group in file.groups]
    config = {
        "jobs": dict(site.jobs),
        "source": ".*" if site.source is None else site.source,
        "runbooks": site.runbooks,
        "grafana": site.grafana,
    }
    body = {
        "mixin.libsonnet": "\n+ ".join(f"(import '{name}.libsonnet')" for name in _PARTS),
        "config.libsonnet": f"{{ _config+:: {{ tidewatch+: {json.dumps(config, indent=2)} }} }}",
        "rules.libsonnet": _groups(
            "prometheusRules", site, (g for group in groups for g in _part(group, alerts=False))
        ),
        "alerts.libsonnet": _groups(
            "prometheusAlerts", site, (g for group in groups for g in _part(group, alerts=True))
        ),
        "dashboards.libsonnet": f"{{ grafanaDashboards+:: {json.dumps(boards, indent=2, ensure_ascii=False)} }}",
    }
    return {name: f"// {_HEADER}\n{text}\n" for name, text in body.items()}


_PARTS = ("config", "rules", "alerts", "dashboards")
_FUNCTIONS = r"""local inner(text) = local q = std.escapeStringJson(text); q[1:std.length(q) - 1];
local literal(text) =
  std.join('', [if std.member('\\.+*?()|[]{}^$', c) then '\\' + c else c for c in std.stringChars(text)]);
"""


def _slots(site: Site) -> Names:
    """Names of jsonnet's variables, between marks by which `_with_variables` finds them in an expression."""
    variables = {program: program.replace("-", "_") for program in site.jobs}
    return Names(
        {program: f"{_SLOT}{variable}{_SLOT}" for program, variable in variables.items()},
        {program: f"{_SLOT}{variable}_literal{_SLOT}" for program, variable in variables.items()},
        f"{_SLOT}source{_SLOT}",
    )


_SLOT = "\ue000"  # for private use: in no expression


def _variables(site: Site) -> list[str]:
    """The definitions of those variables: jsonnet keeps the value of a variable, but evaluates a field each time."""
    lines = ["local config = $._config.tidewatch,", "local source = inner(config.source),"]
    for program in site.jobs:
        job, variable = f"config.jobs[{_text(program)}]", program.replace("-", "_")
        lines += [f"local {variable} = inner({job}),", f"local {variable}_literal = inner(literal({job})),"]
    return lines


def _with_variables(expr: str) -> str:
    """The expression in jsonnet; joined, which is far quicker than a format."""
    return " + ".join(piece if n % 2 else _text(piece) for n, piece in enumerate(expr.split(_SLOT)))


def _part(group: Group, *, alerts: bool) -> Iterator[Group]:
    """The recordings or the alerts of a group, if it has any; in a group with both, recordings get a name."""
    wanted = [rule for rule in group.rules if bool(rule.alert) == alerts]
    if wanted:
        mixed = len(wanted) < len(group.rules) and not alerts
        yield msgspec.structs.replace(group, name=f"{group.name}.recordings" if mixed else group.name, rules=wanted)


def _groups(field: str, site: Site, groups: Iterator[Group]) -> str:
    lines = [f"{_FUNCTIONS}{{", f"  {field}+:: {{", *(f"    {line}" for line in _variables(site)), "    groups+: ["]
    for group in groups:
        interval = f", interval: {json.dumps(group.interval)}" if group.interval else ""
        lines.append(f"      {{ name: {json.dumps(group.name)}{interval}, rules: [")
        lines += [f"        {_rule(rule)}," for rule in group.rules]
        lines.append("      ] },")
    return "\n".join([*lines, "    ],\n  },\n}"])


def _rule(rule: Rule) -> str:
    fields = _fields(rule)
    texts = fields.pop("annotations", {})
    pairs = [
        f"{_text(name)}: {_with_variables(value) if name == 'expr' else _text(value)}"
        for name, value in fields.items()
        if isinstance(value, str)
    ]
    if rule.labels:
        pairs.append(f"labels: {json.dumps(rule.labels)}")
    if rule.alert:
        links = {"runbook_url": "runbooks", "dashboard_url": "grafana"}
        plain = [f"{name}: {_text(text)}" for name, text in texts.items() if name not in links]
        plain += [
            f"[if config.{setting} != null then '{name}']: config.{setting} + {_text(texts[name])}"
            for name, setting in links.items()
        ]
        pairs.append(f"annotations: {{ {', '.join(plain)} }}")
    return f"{{ {', '.join(pairs)} }}"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _plain(file: RuleFile) -> dict[str, Any]:
    """The file as dicts and lists, without what is empty."""
    return {
        "groups": [
            {
                "name": group.name,
                **({"interval": group.interval} if group.interval else {}),
                "rules": [_fields(rule) for rule in group.rules],
            }
            for group in file.groups
        ]
    }


def _fields(rule: Rule) -> dict[str, Any]:
    """What the rule says, its name first."""
    fields = msgspec.to_builtins(rule)
    order = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
    return {name: fields[name] for name in order if fields[name]}


def _yaml(value: Any) -> str:
    return f"# {_HEADER}\n{yaml_text(value)}"
