"""What a panel says of itself is in the types of Grafana 11, 12 and 13: `@grafana/schema`, by the TypeScript compiler.

A version ignores what it does not know, so that a setting which works in one of them is silently gone in another.
The compiler refuses names and values that the types do not have; the first error of a panel hides its others.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from from_npm import installed

from dashboards import model
from dashboards.build import JSON_DIR

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FOLDER = Path(__file__).parent / "grafana_schema"
VERSIONS = ("11", "12", "13")
ROOMS = {"state-timeline": "StateTimeline", "status-history": "StatusHistory", "timeseries": "TimeSeries"}
ROOMS |= {kind: kind.capitalize() for kind in ("stat", "table", "gauge", "heatmap", "histogram", "text")}
ROOMS |= {"bargauge": "BarGauge"}
NO_FIELDS = ("stat", "gauge", "bargauge", "text")  # kinds whose types have no settings of their own for fields
PRELUDE = """
import type * as schema from "@grafana/schema";
// Names of an enum are its texts in JSON. What JSON leaves open (`unknown`, `any`) stays open.
type Parts<T> = { [K in keyof T]: Json<T[K]> };
type Json<T> = unknown extends T ? T : T extends string ? `${T}` : T extends object ? Parts<T> : T;
type Defaults<C> = Omit<schema.FieldConfig, "custom"> & { custom?: Partial<C> };
type Fields<C> = { defaults?: Defaults<C>; overrides: schema.FieldConfigSource["overrides"] };
type Panel<O, C> = Json<
  Omit<schema.Panel, "options" | "fieldConfig"> & { options: Partial<O>; fieldConfig?: Fields<C> }
>;
// Grafana writes these itself, and its types do not have them.
type Mark = schema.AnnotationQuery & { expr: string; titleFormat: string; textFormat: string };
type Variable = schema.VariableModel & { definition?: string };
type Lists = { annotations?: { list?: Mark[] }; templating: { list: Variable[] } };
type Board = Json<Omit<schema.Dashboard, "panels" | keyof Lists> & Lists>;
type Overrides<C> = Json<Partial<Defaults<C>>>;
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Asks the compiler about panels: (version, {name: panel}) to {name: what is refused of it}."""
    folder = tmp_path_factory.mktemp("grafana_schema")
    shutil.copytree(installed(FOLDER), folder / "node_modules", symlinks=True)

    def ask(version, panels):
        lines, begins = PRELUDE.splitlines(), []
        for number, (name, panel) in enumerate(panels.items()):
            begins.append((len(lines), name))
            lines += typed(number, panel)
        (folder / "boards.ts").write_text("\n".join(lines) + "\n")
        (folder / "tsconfig.json").write_text(json.dumps(settings(version)))
        command = ["node", "node_modules/typescript/bin/tsc", "--pretty", "false"]
        got = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
        found = {}
        for line in got.stdout.splitlines():
            if said := re.match(r"boards\.ts\((\d+),\d+\): error (.*)", line):
                place = int(said[1]) - 1
                name = next(name for begin, name in reversed(begins) if begin <= place)
                found.setdefault(name, f"{said[2]}: {lines[place].strip()}")
            else:
                assert line.startswith("  "), got.stdout[:2000]
        assert (got.returncode == 0) == (not found), got.stdout[:2000] + got.stderr[:2000]
        return found

    return ask


def settings(version):
    """Each version's types name their common part `@grafana/schema`, which is the version's own."""
    types = {name: [f"./node_modules/schema-{version}{rest}"] for name, rest in ROOT.items()}
    options = {"strict": True, "noEmit": True, "skipLibCheck": True, "types": [], "paths": types}
    return {"files": ["boards.ts"], "compilerOptions": options | {"module": "esnext", "moduleResolution": "bundler"}}


ROOT = {"@grafana/schema": "", "@grafana/schema/*": "/*"}


def typed(number, panel):
    """The lines of TypeScript that say of which types a panel and its overrides are."""
    if "templating" in panel:
        return literal(f"const b{number}: Board = ", {key: value for key, value in panel.items() if key != "panels"})
    if panel["type"] == "row":
        return []
    kind = ROOMS[panel["type"]]
    path = f"@grafana/schema/dist/esm/raw/composable/{kind.lower()}/panelcfg/x/{kind}PanelCfg_types.gen"
    custom = "{}" if panel["type"] in NO_FIELDS else f"P{number}.FieldConfig"
    lines = [f'import type * as P{number} from "{path}";']
    lines += literal(f"const p{number}: Panel<P{number}.Options, {custom}> = ", panel)
    for place, override in enumerate(panel.get("fieldConfig", {}).get("overrides", [])):
        said = {}
        for one in override["properties"]:
            room, _, name = one["id"].rpartition(".")
            (said.setdefault(room, {}) if room else said)[name] = one["value"]
        lines += literal(f"const o{number}_{place}: Overrides<{custom}> = ", said)
    return lines


def literal(head, value):
    first, *rest = json.dumps(value, indent=1).splitlines()
    return [head + first, *rest]


def every_panel():
    found = {}
    for board, text in model.load_files(JSON_DIR).values():
        found[board.uid] = json.loads(text)
        found |= {f"{board.uid} / {panel['id']} {panel['title']}": panel for panel in json.loads(text)["panels"]}
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_panel_is_of_the_types_of(refused, version):
    assert refused(version, every_panel()) == {}


LEGEND = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}


def series(*overrides, **changes):
    shown = {"options": {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}}
    listed = [{"matcher": {"id": "byName", "options": "a"}, "properties": list(overrides)}]
    fields = {"defaults": {"unit": "s", "custom": {"lineWidth": 1.5}}, "overrides": listed}
    return {"type": "timeseries", "title": "A", "fieldConfig": fields, **shown, **changes}


WRONG = {
    "a name of panels": series(tite="B"),
    "an option": series(options={"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}, "nothing": 1}),
    "an option of the common part": series(options={"legend": LEGEND, "tooltip": {"mode": "all", "sort": "desc"}}),
    "a field's setting": series(fieldConfig={"defaults": {"units": "s"}, "overrides": []}),
    "a custom setting": series(fieldConfig={"defaults": {"custom": {"lineWith": 1}}, "overrides": []}),
    "a custom setting's value": series(fieldConfig={"defaults": {"custom": {"lineStyle": "dash"}}, "overrides": []}),
    "an override": series({"id": "decimal", "value": 1}),
    "an override's custom setting": series({"id": "custom.lineStyle", "value": {"fill": "dashed"}}),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_types_do_not_have_is_refused_by(refused, version):
    right = {"right": series({"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}})}
    assert list(refused(version, right | WRONG)) == list(WRONG)
