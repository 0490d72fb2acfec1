"""docs/reference/alerts.md: an index of the alerts; what to do about each stands in the runbooks, docs/alerts.md."""

import re

from alerts.rulefiles import Rule, rule_files

HEAD = """# All alerts

Every alert of `alerts/rules/`, with a link to its runbook. `make reference` writes this page: a test compares it.
`{source}` stands for what an alert says at that place. `for` is how long the condition must hold before the alert
fires. [Alerts](../alerts.md) says what the severities mean.
"""
_LABEL = re.compile(r"\{\{-?\s*\$labels\.(\w+)[^}]*\}\}")
_TEMPLATE = re.compile(r"\{\{.*?\}\}")


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path, file in rule_files().items():
        rules = [rule for group in file.groups for rule in group.rules if rule.alert]
        if rules:
            parts.append(f"\n## {path.name}\n\n| alert | severity | for | says |\n|---|---|---|---|\n")
            parts += [_row(rule) for rule in rules]
    return "".join(parts)


def _row(rule: Rule) -> str:
    link = f"[{rule.alert}](../alerts.md#{rule.alert.lower()})"
    said = _TEMPLATE.sub("{value}", _LABEL.sub(r"{\1}", " ".join(rule.annotations["summary"].split())))
    return f"| {link} | {rule.labels['severity']} | {rule.for_ or '0s'} | {said.replace('|', chr(92) + '|')} |\n"
