"""The rule files as data, for the checks: what is recorded, what alerts, with which labels and annotations."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import yaml

HERE = Path(__file__).parent
RULES = HERE / "rules"
UNIT_TESTS = HERE / "tests"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick, where PyYAML has libyaml


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}, kw_only=True):
    """One rule: `record` or `alert` is its name, the other is empty."""

    expr: str
    record: str = ""
    alert: str = ""
    for_: str = ""
    keep_firing_for: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that are evaluated together, in order."""

    name: str
    rules: list[Rule]
    interval: str = ""


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of rules. Keys that Prometheus 2.42 does not know are refused."""

    groups: list[Group]


@cache  # the files are those of the package
def rule_files(folder: Path = RULES) -> dict[Path, RuleFile]:
    """Every rule file by path. Raises msgspec.ValidationError for keys that are not the shape above."""
    return {
        path: msgspec.convert(yaml.load(path.read_text("utf-8"), _LOADER), RuleFile)  # noqa: S506, both are safe
        for path in sorted(folder.glob("*.yml"))
    }


def every_rule(folder: Path = RULES) -> Iterator[Rule]:
    """All rules of all files, in the order of the files."""
    for file in rule_files(folder).values():
        for group in file.groups:
            yield from group.rules


def every_alert(folder: Path = RULES) -> list[Rule]:
    """All alerting rules."""
    return [rule for rule in every_rule(folder) if rule.alert]
