"""The output of kustomize for packaging/kubernetes, and the page that says how to use it."""

import os
import shutil
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml
from blocks import blocks
from chart import CHART
from manifests import FOLDER, OLDEST, ROOT

PAGE = "docs/how-to/kubernetes.md"
FILES = {block.notes["file"]: block.text for block in blocks(PAGE) if "file" in block.notes}
KUSTOMIZE = pytest.mark.skipif(
    not shutil.which("kustomize"), reason="kustomize is not on PATH: no package of Debian or PyPI has it"
)


def build(folder):
    got = subprocess.run(["kustomize", "build", folder], capture_output=True, text=True, check=False)
    assert (got.returncode, got.stderr) == (0, "")
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(got.stdout)}
    for one in found.values():
        if not one["apiVersion"].startswith("monitoring."):
            kubernetes_validate.validate(one, OLDEST, strict=True)
    return found


def shared(kind, folder):
    """The keys of the resources that kustomize and the chart share."""
    paths = (CHART / "files" / folder).glob("*.yml")
    return {(kind, yaml.safe_load(path.read_text("utf-8"))["metadata"]["name"]) for path in paths}


def generated(found):
    """The one ConfigMap whose name ends with the hash of its content."""
    (key,) = {key for key in found if key[0] == "ConfigMap"} - shared("ConfigMap", "dashboards")
    return key[1]


@KUSTOMIZE
def test_the_whole_is_built_in_one_namespace():
    found = build(FOLDER)
    name = generated(found)
    assert found.keys() == {
        *shared("PrometheusRule", "rules"),
        *shared("ConfigMap", "dashboards"),
        *(("Namespace", "tidewatch"), ("ConfigMap", name), ("ServiceMonitor", "tidewatch-exporter")),
        *(("DaemonSet", "tidewatch-exporter"), ("Service", "tidewatch-exporter")),
    }
    assert {one["metadata"].get("namespace") for one in found.values()} == {"tidewatch", None}
    volumes = found["DaemonSet", "tidewatch-exporter"]["spec"]["template"]["spec"]["volumes"]
    assert [one["configMap"] for one in volumes if "configMap" in one] == [{"name": name}]


@KUSTOMIZE
def test_the_example_of_an_application_is_built():
    found = build(FOLDER / "sidecar")
    assert found.keys() == {
        ("Deployment", "site"),
        ("Service", "site"),
        ("Service", "site-exporter"),
        ("ConfigMap", generated(found)),
    }


@KUSTOMIZE
def test_the_pages_own_kustomization_is_built(tmp_path):
    (tmp_path / "mine").mkdir()
    clone = os.path.relpath(ROOT, tmp_path / "mine")
    (tmp_path / "mine/kustomization.yaml").write_text(FILES["kustomization.yaml"].replace("../tidewatch/", f"{clone}/"))
    (tmp_path / "mine/exporter.yml").write_text("stats: []\n")
    found = build(tmp_path / "mine")
    pod = found["DaemonSet", "tidewatch-exporter"]["spec"]["template"]["spec"]
    images = {one["image"] for one in (*pod["initContainers"], *pod["containers"])}
    assert images == {"registry.example.org/tidewatch:0.1.0"}
    assert found["ConfigMap", generated(found)]["data"] == {"exporter.yml": "stats: []\n"}
    labels = [
        one["metadata"]["labels"] for (kind, _), one in found.items() if kind in {"ServiceMonitor", "PrometheusRule"}
    ]
    assert {one["release"] for one in labels} == {"kube-prometheus-stack"}


def test_the_page_shows_the_configuration_that_ships():
    assert yaml.safe_load(FILES["exporter.yml"]) == yaml.safe_load((FOLDER / "base/exporter.yml").read_text("utf-8"))


def test_the_pages_values_fit_the_charts_schema():
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    given = yaml.safe_load(FILES["values.yaml"])
    merged = {
        name: {**value, **given.get(name, {})} if isinstance(value, dict) else given.get(name, value)
        for name, value in values.items()
    }
    merged["config"] = {key: value for key, value in merged["config"].items() if value is not None}
    assert given.keys() <= values.keys()
    schema = yaml.safe_load((CHART / "values.schema.json").read_text("utf-8"))
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(merged)] == []
    assert merged["config"].keys() == {"state_dir", "stats"}


def test_the_page_scrapes_as_the_service_monitor_does():
    (job,) = yaml.safe_load(FILES["prometheus.yml"])["scrape_configs"]
    monitor = yaml.safe_load((FOLDER / "monitoring/servicemonitor.yaml").read_text("utf-8"))["spec"]
    (endpoint,) = monitor["endpoints"]
    assert (job["honor_labels"], job["scrape_interval"]) == (endpoint["honorLabels"], endpoint["interval"])
    assert [job["job_name"]] == list(monitor["selector"]["matchLabels"].values())


def test_prometheus_loads_the_pages_job(tmp_path):
    """With a fixed target, because Debian's promtool is built without the discovery of pods."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not on PATH")
    given = yaml.safe_load(FILES["prometheus.yml"])
    assert given["scrape_configs"][0].pop("kubernetes_sd_configs") == [
        {"role": "pod", "namespaces": {"names": ["tidewatch"]}}
    ]
    given["scrape_configs"][0]["static_configs"] = [{"targets": ["192.0.2.7:8090"]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(given))
    command = ["promtool", "check", "config", tmp_path / "prometheus.yml"]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stdout + got.stderr


def test_each_file_that_the_page_names_is_there():
    text = (ROOT / PAGE).read_text("utf-8")
    named = {word.strip("`") for word in text.split() if word.startswith("`packaging/")}
    assert len(named) > 5
    for name in named:
        assert (ROOT / name.rstrip("`.,:")).is_dir(), name
