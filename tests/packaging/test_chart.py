"""The Helm chart: what it renders is valid and is what kustomize's base has; its values are checked by its schema."""

import json
import re
import shutil
import subprocess
import tomllib

import jsonschema
import kubernetes_validate
import pytest
import yaml
from chart import CHART, FOLDER, RENDERED, digest, render
from manifests import FOLDER as KUSTOMIZE
from manifests import OLDEST, ROOT, containers, documents

from exporter.check import check_files
from exporter.cli import cli
from exporter.daemon import Options

HELM = pytest.mark.skipif(not shutil.which("helm"), reason="helm is not on PATH: no package of Debian or PyPI has it")
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
NAME = "tidewatch-exporter"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def resources(text):
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


def kept(name):
    return (FOLDER / f"{name}.yaml").read_text("utf-8")


OF_BASE = ("base/daemonset.yaml", "base/service.yaml", "monitoring/servicemonitor.yaml")
CHARTS = {name: resources(kept(name)) for name in RENDERED}
OURS = {
    **documents("base/daemonset.yaml"),
    **documents("base/service.yaml"),
    **documents("monitoring/servicemonitor.yaml"),
}


@pytest.mark.parametrize("name", RENDERED)
def test_what_is_kept_was_rendered_of_this_chart(name):
    """If this fails, run `python tests/packaging/chart.py`: the chart has changed."""
    assert kept(name).split("\n", 1)[0] == f"# of {digest()}"


@HELM
@pytest.mark.parametrize("name", RENDERED)
def test_helm_renders_what_is_kept(name):
    assert render(*RENDERED[name]) == kept(name).split("\n", 1)[1]


@HELM
def test_helm_finds_nothing_to_complain_of():
    got = subprocess.run(["helm", "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stdout + got.stderr


@HELM
def test_rules_and_boards_go_through_unchanged_but_for_their_names_and_labels():
    found = resources(
        render("--set=prometheusRule.enabled=true,prometheusRule.labels.release=kps,dashboards.enabled=true")
    )
    for folder, kind, part in (("rules", "PrometheusRule", "spec"), ("dashboards", "ConfigMap", "data")):
        for path in (CHART / "files" / folder).glob("*.yml"):
            want = yaml.safe_load(path.read_text("utf-8"))
            got = found.pop((kind, want["metadata"]["name"]))
            assert got[part] == want[part]
            assert want["metadata"]["labels"].items() <= got["metadata"]["labels"].items()
            assert got["metadata"].get("annotations") == want["metadata"].get("annotations")
            assert got["metadata"]["labels"].get("release") == ("kps" if folder == "rules" else None)
    assert {kind for kind, _ in found} == {"ConfigMap", "DaemonSet", "Service"}


@pytest.mark.parametrize("name", RENDERED)
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_the_published_schemas_know_every_field(name, version):
    for (kind, _), one in CHARTS[name].items():
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(one, version, strict=True)


def test_the_chart_and_the_base_make_the_same_pods():
    """Security, volumes, ports, probes, arguments and resources are equal. Only the chart's image has a tag."""
    ours, theirs = (one["DaemonSet", NAME]["spec"] for one in (OURS, CHARTS["daemonset"]))
    pod = theirs["template"]["spec"]
    for one in containers(pod).values():
        repository, _, one["image"] = one["image"].rpartition(":")
        assert (repository, one["image"]) == (
            "tidewatch",
            yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"],
        )
        one["image"] = repository
    assert pod == ours["template"]["spec"]
    assert theirs["updateStrategy"] == ours["updateStrategy"]
    assert ours["selector"]["matchLabels"].items() <= theirs["selector"]["matchLabels"].items()
    assert ours["template"]["metadata"]["labels"].items() <= theirs["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("kind", ["Service", "ServiceMonitor"])
def test_the_chart_and_the_base_are_scraped_alike(kind):
    ours, theirs = (one[kind, NAME]["spec"] for one in (OURS, CHARTS["daemonset"]))
    release = {"app.kubernetes.io/instance": "tidewatch"}  # other releases in the namespace have their own
    chosen = ours.pop("selector"), theirs.pop("selector")
    mine, yours = (one.get("matchLabels", one) for one in chosen)
    assert (theirs, yours) == (ours, mine | release)


def test_the_chart_and_the_base_have_the_same_configuration():
    theirs = CHARTS["daemonset"]["ConfigMap", NAME]["data"]["exporter.yml"]
    assert yaml.safe_load(theirs) == yaml.safe_load((KUSTOMIZE / "base/exporter.yml").read_text("utf-8"))
    assert yaml.safe_load(theirs) == VALUES["config"]


def test_the_deployment_has_the_configuration_that_was_given_and_nothing_of_the_node(tmp_path):
    found = CHARTS["deployment"]
    (tmp_path / "exporter.yml").write_text(found["ConfigMap", NAME]["data"]["exporter.yml"])
    config = check_files(Options(config_file=tmp_path / "exporter.yml"))
    assert config.state_dir == "/var/lib/tidewatch/state"
    spec = found["Deployment", NAME]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})  # never two with one state
    pod = spec["template"]["spec"]
    assert pod["securityContext"] == VALUES["podSecurityContext"] | {"fsGroup": 10001}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["state"]["persistentVolumeClaim"] == {"claimName": "tidewatch"}
    assert not any("hostPath" in volume for volume in volumes.values())
    (one,) = containers(pod).values()
    with cli.make_context("exporter", list(one["args"])) as context:
        assert "metrics.example.org" in context.params["allowed_hosts"]


def test_the_values_that_ship_fit_their_schema_and_each_of_them_is_known_to_it():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    assert VALUES.keys() == SCHEMA["properties"].keys() - {"global"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"mode": "statefulset"}, "mode"),
        ({"config": {}}, "config"),
        ({"config": {"state_dir": "/tmp/state"}}, "config.state_dir"),
        ({"replicas": 3}, ""),
        ({"image": {"repository": "tidewatch", "password": "x"}}, "image"),
        ({"extraArgs": ["log.level=debug"]}, "extraArgs.0"),
        ({"serviceMonitor": {"enabled": "yes"}}, "serviceMonitor.enabled"),
        ({"listenAddress": ":8090"}, "listenAddress"),
        ({"state": {"hostPath": "state"}}, "state.hostPath"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_could_not_work_is_refused_by_the_schema(change, path):
    errors = list(jsonschema.Draft7Validator(SCHEMA).iter_errors(VALUES | change))
    assert {".".join(map(str, error.absolute_path)) for error in errors} == {path}


@HELM
def test_a_deployment_with_the_configuration_of_nodes_is_refused():
    with pytest.raises(subprocess.CalledProcessError) as refused:
        render("--set=mode=deployment")
    assert "mode deployment reads no logs of nodes" in refused.value.stderr


def test_no_value_is_a_secret():
    for word in re.findall(r"^\s*(\w+):", (CHART / "values.yaml").read_text("utf-8"), re.MULTILINE):
        assert not re.search(r"password|token|secret(?!s$)|credential", word, re.IGNORECASE), word
