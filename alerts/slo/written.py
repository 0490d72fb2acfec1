"""Objectives back to the text of `slo.yml`: only what is not a default is written."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from alerts.slo.model import BUCKETS_S, DAY_S, Objective, ServiceLevels
from foundation.output import replacing


def text_of(levels: ServiceLevels) -> str:
    """The text of a file that is read as `levels`."""
    tree: dict[str, Any] = {"objectives": [_objective(objective) for objective in levels.objectives]}
    if levels.buckets != BUCKETS_S:
        tree["buckets"] = list(levels.buckets)
    return yaml.safe_dump(tree, sort_keys=False, width=10_000, allow_unicode=True)


def write_levels(levels: ServiceLevels, path: Path) -> None:
    """Write the file. Raises StoreError."""
    with replacing(path) as out:
        out.write(text_of(levels).encode())


def _objective(objective: Objective) -> dict[str, Any]:
    keys = {"name": objective.name, "objective": objective.objective, **keys_of(objective)}
    if objective.window is not None:
        keys["window"] = f"{objective.window // DAY_S}d"
    return {**keys, "indicator": keys_of(objective.indicator)}


def keys_of(struct: msgspec.Struct) -> dict[str, Any]:
    """The keys that are not at their default, lists for tuples."""
    found = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if field.required or value != field.default:
            found[field.encode_name] = list(value) if isinstance(value, tuple) else value
    return found
