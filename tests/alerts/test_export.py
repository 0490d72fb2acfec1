"""What `python -m alerts export` writes: three formats of the same rules, and folders that it leaves alone."""

import json
import re
from typing import Annotated, Literal

import _jsonnet
import msgspec
import pytest
import yaml
from click.testing import CliRunner

from alerts.cli import main
from alerts.rulefiles import RuleFile, rule_files

pytestmark = pytest.mark.slow
FLAGS = ["--job", "my-exporter", "--runbooks", "https://wiki.example/alerts/", "--grafana", "https://grafana.example/"]
EVERY = sorted(path.stem for path in rule_files())
FORMATS = ["rules", "prometheusrule", "mixin"]
OF_GRAFANA = ["dashboards", "configmaps"]


Duration = Annotated[
    str, msgspec.Meta(min_length=1, pattern=r"^(0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$")
]
LabelValue = Annotated[str, msgspec.Meta(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class Metadata(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=253)]
    labels: dict[str, LabelValue]


class OfKubernetes(msgspec.Struct, forbid_unknown_fields=True, rename={"for_": "for"}):
    """A rule, as the schema of the resource says: one of `record` and `alert`."""

    expr: Name
    record: str = ""
    alert: str = ""
    for_: Duration = "0s"
    keep_firing_for: Duration = "0s"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    def __post_init__(self):
        assert bool(self.record) != bool(self.alert)
        assert self.alert or not self.annotations, "only valid for alerting rules"


class GroupOfKubernetes(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    rules: list[OfKubernetes]
    interval: Duration = "0s"


class Spec(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[GroupOfKubernetes]

    def __post_init__(self):
        assert len({group.name for group in self.groups}) == len(self.groups), "the list is a map by name"


class PrometheusRule(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """As far as we use it: types of prometheus-operator (pkg/apis/monitoring/v1, v0.95) and Kubernetes' metadata."""

    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PrometheusRule"]
    metadata: Metadata
    spec: Spec


def export(folder, *flags):
    return CliRunner().invoke(main, ["export", "--output", str(folder), *flags], standalone_mode=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder for each format, of every file of rules, at a scrape a minute."""
    top = tmp_path_factory.mktemp("export")
    for name in FORMATS + OF_GRAFANA:
        done = export(top / name, "--format", name, *FLAGS, "--source", "shop|api-.+", "--only", ",".join(EVERY))
        assert done.exception is None
    return top


def evaluated(folder, snippet):
    def load(_folder, name):
        return name, (folder / name).read_bytes()

    return json.loads(_jsonnet.evaluate_snippet("test", snippet, import_callback=load))


def loaded(path):
    return msgspec.convert(yaml.safe_load(path.read_text()), RuleFile)


def rules_by_name(groups):
    """By group, too, whose recordings a mixin parts from its alerts."""
    return {
        (group["name"].removesuffix(".recordings"), rule.get("alert"), rule.get("record")): rule
        for group in groups
        for rule in group["rules"]
    }


def test_plain_files_have_the_names_and_the_shape_of_those_that_ship(folders):
    got = {path.stem: loaded(path) for path in (folders / "rules").glob("*.yml")}
    assert sorted(got) == EVERY
    for path, file in rule_files().items():
        names = [(f"tidewatch.{group.name}", rule.alert, rule.record) for group in file.groups for rule in group.rules]
        assert names == [(g.name, r.alert, r.record) for g in got[path.stem].groups for r in g.rules]


def test_kubernetes_resources_hold_the_same_rules(folders):
    names = set()
    for path in (folders / "prometheusrule").glob("*.yml"):
        resource = msgspec.convert(yaml.safe_load(path.read_text()), PrometheusRule)
        names.add(resource.metadata.name)
        assert yaml.safe_load(path.read_text())["spec"] == yaml.safe_load((folders / "rules" / path.name).read_text())
        assert path.stat().st_size < 1_000_000, "etcd takes a megabyte"
    assert names == {"tidewatch-itself", *(f"tidewatch-{stem}" for stem in EVERY if stem != "tidewatch-itself")}


def test_the_mixin_evaluates_to_the_same_rules(folders):
    fields = ("prometheusAlerts", "prometheusRules", "grafanaDashboards")
    shown = ", ".join(f"{field}: m.{field}" for field in fields)
    mixin = evaluated(folders / "mixin", f"local m = import 'mixin.libsonnet'; {{ {shown} }}")
    want = {}
    for path in (folders / "rules").glob("*.yml"):
        want |= rules_by_name(yaml.safe_load(path.read_text())["groups"])
    alerts, records = (rules_by_name(mixin[field]["groups"]) for field in ("prometheusAlerts", "prometheusRules"))
    assert alerts | records == want
    assert {name[1] for name in records} == {name[2] for name in alerts} == {None}
    systems = ("generator", "hosting", "itself", "logs", "releases", "service-levels", "site", "stores")
    assert mixin["grafanaDashboards"].keys() == {"tidewatch.json", *(f"tidewatch-{name}.json" for name in systems)}
    assert {board["uid"] + ".json" for board in mixin["grafanaDashboards"].values()} == mixin[
        "grafanaDashboards"
    ].keys()
    assert "127.0.0.1" not in str(mixin["grafanaDashboards"]), "runbooks are where --runbooks says"


def test_dashboards_are_the_same_as_files_as_configmaps_and_in_a_mixin(folders):
    mixin = evaluated(folders / "mixin", "(import 'mixin.libsonnet').grafanaDashboards")
    files = {path.name: json.loads(path.read_text()) for path in (folders / "dashboards").iterdir()}
    assert {name: board.pop("__comment")[:10] for name, board in files.items()} == dict.fromkeys(mixin, "Written by")
    assert files == mixin
    resources = [yaml.safe_load(path.read_text()) for path in (folders / "configmaps").iterdir()]
    assert {(one["apiVersion"], one["kind"]) for one in resources} == {("v1", "ConfigMap")}
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in resources} == {"1"}
    assert {name: json.loads(text) for one in resources for name, text in one["data"].items()} == mixin
    assert max(len(str(one)) for one in resources) < 262_144, "what `kubectl apply` keeps in an annotation"


def test_without_runbooks_no_board_links_to_any(tmp_path):
    """A link to nowhere is worse than none."""
    assert export(tmp_path, "--format", "dashboards", "--only", "site-log").exception is None
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts.keys() == {"tidewatch.json", "tidewatch-itself.json", "tidewatch-site.json"}
    assert "${runbooks}" not in "".join(texts.values())
    assert "127.0.0.1" not in "".join(texts.values())
    assert '"links"' in texts["tidewatch-site.json"], "siblings and details are still there"


def test_whoever_imports_the_mixin_may_set_its_names_and_links(folders):
    other = "source: 'x', grafana: null, runbooks: 'https://y', jobs+: { exporter: 'a\"b.c', alertmanager: 'd.e' }"
    mixin = f"(import 'mixin.libsonnet') + {{ _config+:: {{ tidewatch+: {{ {other} }} }} }}"
    got = evaluated(folders / "mixin", f"({mixin}).prometheusAlerts")
    alerts = {rule["alert"]: rule for group in got["groups"] for rule in group["rules"]}
    assert alerts["SiteServerErrors"]["expr"].count(r'job="a\"b.c", source=~"x"') == 5
    assert alerts["SiteServerErrors"]["annotations"]["runbook_url"] == "https://y#siteservererrors"
    assert {"dashboard_url"} & {key for rule in alerts.values() for key in rule["annotations"]} == set()


def test_the_mixin_joins_others(folders):
    other = "{ prometheusAlerts+:: { groups+: [{ name: 'other' }] }, _config+:: { job: 'theirs' } }"
    got = evaluated(
        folders / "mixin", f"local m = {other} + (import 'mixin.libsonnet'); [m.prometheusAlerts, m._config]"
    )
    assert got[0]["groups"][0] == {"name": "other"}
    assert got[1]["job"] == "theirs"


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_of_the_demo_is_left(folders, name):
    for path in (folders / name).iterdir():
        text = path.read_text()
        assert not re.search(r"127\.0\.0\.1|localhost|:8094|:3000", text), path
        assert text.startswith(("# Written by", "// Written by", "<!-- Written by"))


def test_prometheus_itself_is_opt_in(tmp_path):
    export(tmp_path, "--format", "rules", "--no-runbooks")
    assert {path.stem for path in tmp_path.iterdir()} == set(EVERY) - {"prometheus-meta"}
    assert "runbook_url" not in (tmp_path / "site-log.yml").read_text()


def test_what_grows_and_what_is_lacking_is_said(tmp_path):
    done = export(tmp_path, "--format", "rules", *FLAGS, "--only", "generator", "--only", "site-stats")
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(line.startswith("alerts export: ") for line in lines)
    assert any(
        "1m is too short for scrapes every 1m: 4m in " in line and "StatsPageUnreachable" in line for line in lines
    )
    assert "alerts export: generator: compares with rates that site-log records; load site-log, too" in lines
    assert (
        export(
            tmp_path, "--format", "rules", *FLAGS, "--only", "site-stats,generator,site-log", "--scrape-interval", "2"
        ).stderr
        == ""
    )


@pytest.mark.parametrize(
    ("flags", "want"),
    [
        (["--only", "site"], "invalid file 'site': expected some of generator, hosting"),
        (["--only", ""], "invalid file ''"),
        (["--source", "("], "invalid regex '('"),
        (["--scrape-interval", "0"], "invalid duration '0'"),
        (["--job", ""], "invalid job ''"),
        (["--grafana", "grafana"], "invalid URL 'grafana'"),
        (["--no-runbooks"], "either --runbooks URL or --no-runbooks"),
        (["--format", "helm"], "'helm' is not one of"),
    ],
)
def test_bad_values_get_a_line_and_write_nothing(tmp_path, flags, want):
    done = CliRunner().invoke(main, ["export", "--output", str(tmp_path / "x"), "--format", "rules", *FLAGS, *flags])
    assert done.exit_code == 2
    assert want in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_the_runbook_of_each_exported_alert_stands_beside_it(tmp_path, name):
    """And what it refers to; no link promises where nobody has published it."""
    done = export(tmp_path, "--format", name, "--only", "stores,site-log")
    assert "alerts have no runbook_url: publish " in done.stderr
    page = (tmp_path / "runbooks.html").read_text()
    assert {"storeoffline", "sitetrafficdropped", "what-is-usual", "stores"} <= set(re.findall(r'id="([^"]+)"', page))
    assert "targetdown" not in re.findall(r'id="([^"]+)"', page)
    assert "runbook_url" not in "".join(path.read_text() for path in tmp_path.glob("*.yml"))


def test_each_link_to_a_runbook_leads_to_its_section(folders):
    page = (folders / "rules" / "runbooks.html").read_text()
    files = [loaded(path) for path in (folders / "rules").glob("*.yml")]
    links = {rule.annotations["runbook_url"] for f in files for g in f.groups for rule in g.rules if rule.alert}
    assert len(links) > 40
    for link in links:
        url, _, name = link.partition("#")
        assert url == "https://wiki.example/alerts"
        assert page.count(f'id="{name}"') == 1, name


def test_whoever_wants_no_runbooks_gets_none(tmp_path):
    assert "runbook" not in export(tmp_path, "--format", "rules", "--no-runbooks").stderr
    assert not (tmp_path / "runbooks.html").exists()


@pytest.mark.parametrize("make", ["file", "below a file"])
def test_an_output_that_is_no_folder_is_refused(tmp_path, make):
    (tmp_path / "file").write_text("mine")
    done = export(tmp_path / "file" / ("x" if make != "file" else ""), "--format", "rules", *FLAGS)
    assert done.exception.exit_code == 2
    assert "is not a folder" in str(done.exception)
    assert done.stderr == ""
    assert (tmp_path / "file").read_text() == "mine"


def test_files_of_others_stay_unless_forced(tmp_path):
    (tmp_path / "site-log.yml").write_text("mine")
    done = export(tmp_path, "--format", "rules", *FLAGS)
    assert done.exception.exit_code == 2
    assert "was not written by an export" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["site-log.yml"]
    assert (tmp_path / "site-log.yml").read_text() == "mine"
    assert export(tmp_path, "--format", "rules", *FLAGS, "--force").exception is None
    assert loaded(tmp_path / "site-log.yml")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "site-log.yml").symlink_to(tmp_path / "mine")
    assert "was not written by an export" in str(export(tmp_path, "--format", "rules", *FLAGS).exception)
    assert export(tmp_path, "--format", "rules", *FLAGS, "--force").exception is None
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "site-log.yml").is_symlink()
    assert loaded(tmp_path / "site-log.yml")


def test_an_export_replaces_an_earlier_one_and_names_what_is_left_of_it(tmp_path):
    export(tmp_path, "--format", "rules", *FLAGS, "--only", "stores,hosting")
    (tmp_path / "own.yml").write_text("groups: []\n")
    done = export(tmp_path, "--format", "rules", *FLAGS, "--only", "stores", "--job", "other")
    assert done.exception is None
    assert 'job="other"' in (tmp_path / "stores.yml").read_text()
    left = [line for line in done.stderr.splitlines() if "earlier export" in line]
    assert [line.partition(": is from an earlier export")[0] for line in left] == [
        f"alerts export: {tmp_path}/hosting.yml"
    ]
    assert (tmp_path / "own.yml").read_text() == "groups: []\n"


def test_the_same_flags_write_the_same_bytes(tmp_path):
    for folder in "ab":
        export(tmp_path / folder, "--format", "mixin", *FLAGS)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
