"""One export: the chosen files of rules, for a Site, in a format, into a folder."""

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import yaml

from alerts.export import formats
from alerts.export.inhibition import InhibitRule, inhibit_rules
from alerts.export.rewrite import DEMO_GRAFANA, DEMO_RUNBOOKS, Exported, exported, notes
from alerts.export.runbooks import RUNBOOKS_FILE, page
from alerts.export.site import Site
from alerts.export.write import write
from alerts.receiver import runbooks
from alerts.rulefiles import HERE, Rule, RuleFile, rule_files

OPT_IN = {"prometheus-meta"}
"""Files that are exported only when they are named: a user of Prometheus has alerts on it already."""
BOARDS = {"generator": "tidewatch-generator", "slo": "tidewatch-service-levels"}
"""Boards of files whose alerts link to the board of what they are about."""
FORMATS = ("rules", "prometheusrule", "mixin", "alertmanager", "dashboards", "configmaps")


def stems() -> list[str]:
    """The names of the files that can be exported."""
    return [path.stem for path in rule_files()]


def run(  # noqa: D417, the types say the rest
    format_: str,
    chosen: Sequence[str],
    site: Site,
    folder: Path,
    *,
    with_runbooks: bool,
    force: bool,
    say: Callable[[str], None],
) -> None:
    """Export; `say` takes one line for each thing worth knowing. Raises TidewatchError.

    Args:
        format_: one of FORMATS.
        chosen: of `stems`; all but those of OPT_IN if empty.
        with_runbooks: whether the page of runbooks is written beside the rules.
    """
    wanted = {
        path.stem: file
        for path, file in rule_files().items()
        if path.stem in chosen or not (chosen or path.stem in OPT_IN)
    }
    texts, result = _texts(format_, wanted, site)
    if with_runbooks and result.files:
        texts |= formats.html(RUNBOOKS_FILE, page(runbooks(), {rule.alert for rule in _alerts(wanted)}))
    left = write(folder, texts, force=force)
    for note in notes(result.grown, site.scrape_interval_s):
        say(note)
    if "generator" in result.files and "site-log" not in wanted:
        say("generator: compares with rates that site-log records; load site-log, too")
    if with_runbooks and result.files and site.runbooks is None:
        say(f"alerts have no runbook_url: publish {folder / RUNBOOKS_FILE}, and give its address with --runbooks")
    for path in left:
        say(f"{path}: is from an earlier export, not from this one; delete it if it is not needed")


def _texts(format_: str, wanted: dict[str, RuleFile], site: Site) -> tuple[formats.Texts, Exported]:
    """What is written, and the rules that it is about."""
    if format_ == "alertmanager":
        shipped = yaml.safe_load((HERE / "alertmanager.yml").read_text("utf-8"))["inhibit_rules"]
        rules = inhibit_rules(msgspec.convert(shipped, list[InhibitRule]), _alerts(wanted), site)
        return formats.inhibition(rules), Exported({}, {})
    if format_ in {"dashboards", "configmaps"}:
        found = _boards(wanted, site)
        return (formats.boards if format_ == "dashboards" else formats.configmaps)(found), Exported({}, {})
    result = exported(wanted, site)
    if format_ == "mixin":
        return formats.mixin(wanted, site, _boards(wanted, site)), result
    return (formats.rules if format_ == "rules" else formats.prometheusrules)(result.files), result


def _alerts(wanted: dict[str, RuleFile]) -> list[Rule]:
    return [rule for file in wanted.values() for group in file.groups for rule in group.rules if rule.alert]


def _boards(wanted: dict[str, RuleFile], site: Site) -> dict[str, Any]:
    """The front page, the boards of these files and those that their alerts link to, with the site's runbooks."""
    links = {rule.annotations["dashboard_url"].removeprefix(f"{DEMO_GRAFANA}/d/") for rule in _alerts(wanted)}
    uids = {
        "tidewatch",
        *(link.partition("?")[0] for link in links),
        *(BOARDS[stem] for stem in wanted if stem in BOARDS),
    }
    names = sorted(f"{uid}.json" for uid in uids)
    texts = {name: (files("dashboards") / "json" / name).read_text("utf-8") for name in names}
    found = {name: json.loads(text.replace(DEMO_RUNBOOKS, site.runbooks or "")) for name, text in texts.items()}
    return found if site.runbooks else {name: _without_runbooks(board) for name, board in found.items()}


def _without_runbooks(node: Any) -> Any:
    """The board without links that lead nowhere."""
    if isinstance(node, list):
        return [_without_runbooks(one) for one in node if not _to_runbooks(one)]
    return {key: _without_runbooks(one) for key, one in node.items()} if isinstance(node, dict) else node


def _to_runbooks(node: Any) -> bool:
    return isinstance(node, dict) and str(node.get("url", "")).startswith("${runbooks}")
