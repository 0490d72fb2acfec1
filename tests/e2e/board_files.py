"""The boards' files and what is asked of their panels, for the tests of what no board may have."""

import json

import pytest

from dashboards import build, model

BOARDS = model.load(build.JSON_DIR)
RAW = {path.stem: json.loads(path.read_text()) for path in sorted(build.JSON_DIR.glob("*.json"))}
PANELS = [(uid, panel) for uid, raw in RAW.items() for panel in raw["panels"] if panel["type"] != "row"]
SYSTEMS = {"site", "generator", "logs", "hosting", "stores", "releases", "itself"}


def of_kind(*kinds):
    """Panels of these kinds, as parameters."""
    return [pytest.param(uid, panel, id=f"{uid}-{panel['title']}") for uid, panel in PANELS if panel["type"] in kinds]


def offenders(kinds, wrong):
    """The panels of these kinds of which `wrong` is true."""
    return [(uid, panel["title"]) for uid, panel in PANELS if panel["type"] in kinds and wrong(panel)]


def defaults(panel):
    return panel["fieldConfig"]["defaults"]


def overrides(panel):
    """Heading or /regex/ to the settings of it."""
    return {
        one["matcher"]["options"]: {prop["id"]: prop["value"] for prop in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }


def exprs(panel):
    return [target["expr"] for target in panel["targets"]]
