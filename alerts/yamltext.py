"""Rules as readable YAML: expressions in lines, lists indented below their key, keys in our order."""

from typing import Any

import yaml


def yaml_text(value: Any) -> str:
    """Dicts, lists and texts as YAML; a text of several lines is a block."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


class _Dumper(yaml.SafeDumper):
    """Of its own, so that nobody else's dumper changes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Indent lists inside mappings, which PyYAML does not by default."""
        super().increase_indent(flow, False)


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)
