"""The rules and boards in packaging/ for Kubernetes equal their source, are valid, and are not too large."""

import importlib.util
import json
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from manifests import ROOT, documents

SPEC = importlib.util.spec_from_file_location("resources", ROOT / "packaging" / "kubernetes" / "resources.py")
resources = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(resources)
RULES = sorted((resources.FOLDER / "rules").glob("*.yml"))
BOARDS = sorted((resources.FOLDER / "dashboards").glob("*.yml"))
MONITOR = documents("monitoring/servicemonitor.yaml")["ServiceMonitor", "tidewatch-exporter"]["spec"]


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.y*ml")}


def test_what_is_there_is_what_the_source_makes(tmp_path):
    """If this fails, run `make kubernetes`: a rule or a board has changed. It removes files of earlier runs."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gone.yml").write_text("of an earlier run\n")
    resources.make(tmp_path)
    assert contents(resources.FOLDER) == contents(tmp_path)
    assert len(RULES) > 5
    assert len(BOARDS) > 5


def test_the_rules_are_those_of_the_job_and_the_interval_of_the_service_monitor():
    flags = resources.EXPORTS["rules"]
    (service,) = (one for (kind, _), one in documents("base/service.yaml").items() if kind == "Service")
    assert f"--job={service['metadata']['labels'][MONITOR['jobLabel']]}" in flags
    assert f"--scrape-interval={MONITOR['endpoints'][0]['interval']}" in flags


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_prometheus_loads_the_rules(path, tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not on PATH")
    resource = yaml.safe_load(path.read_text("utf-8"))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(resource["spec"]))
    got = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", tmp_path / "rules.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert got.returncode == 0, got.stdout + got.stderr


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafanas_sidecar_finds_each_board_and_the_cluster_takes_it(path):
    resource = yaml.safe_load(path.read_text("utf-8"))
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    assert resource["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert resource["metadata"]["annotations"] == {"grafana_folder": "Tidewatch"}
    ((name, board),) = resource["data"].items()
    assert json.loads(board)["uid"] == name.removesuffix(".json") == path.stem
    # A ConfigMap holds 1 MiB; what `kubectl apply` keeps of an object beside it, in an annotation, is 256 KiB.
    assert len(board.encode()) < 200 << 10
