"""The Kubernetes Job of packaging/: safe, never run twice, and with arguments that the program takes."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from trafficgen.cli import cli, main
from trafficgen.options import load_config
from trafficgen.plan.part import INDEX, Part

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "packaging" / "kubernetes" / "trafficgen" / "job.yaml").read_text("utf-8")
WITH_SECRET = re.sub(r"^#(?= {6})", "", TEXT, flags=re.MULTILINE)
DOCS = (ROOT / "docs" / "trafficgen.md").read_text("utf-8")
JOB = yaml.safe_load(TEXT)
PODS = JOB["spec"]["completions"]
MANIFESTS = pytest.mark.parametrize("text", [TEXT, WITH_SECRET], ids=["as-it-is", "with-secret"])


def pod_of(text):
    return yaml.safe_load(text)["spec"]["template"]["spec"]


def arguments(text=TEXT):
    (container,) = pod_of(text)["containers"]
    assert container["command"] == ["trafficgen"]
    return container["args"]


def config_of(args):
    with cli.make_context("trafficgen", list(args)) as context:
        return load_config(context.params)


@MANIFESTS
def test_the_published_schemas_know_every_field(text):
    for version in ("1.29", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(yaml.safe_load(text), version, strict=True)


def test_no_part_is_sent_twice_and_no_failure_ends_the_others():
    assert (JOB["apiVersion"], JOB["kind"]) == ("batch/v1", "Job")
    spec = JOB["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["backoffLimitPerIndex"] == 0
    assert "backoffLimit" not in spec  # without it, no number of failures ends the Job
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_there_are_as_many_pods_at_once_as_parts():
    assert JOB["spec"]["parallelism"] == PODS
    assert f"--part=index/{PODS}" in arguments()


@MANIFESTS
def test_a_pod_can_do_no_more_than_it_must(text):
    """The "restricted" Pod Security Standard, and a read-only file system without a token."""
    pod = pod_of(text)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers"}
    assert all(volume.keys() <= {"name", "emptyDir", "secret"} for volume in pod["volumes"])
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_image_and_its_user_are_the_projects_own():
    pod, compose = pod_of(TEXT), yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    user = pod["securityContext"]
    assert pod["containers"][0]["image"] == compose["services"]["trafficgen"]["image"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in (ROOT / "Dockerfile").read_text("utf-8")


def test_a_secret_reaches_the_program_by_a_file_alone():
    assert not any(arg.startswith("--header") for arg in arguments())
    (container,) = pod_of(WITH_SECRET)["containers"]
    assert not container.keys() & {"env", "envFrom"}
    (mount,) = (m for m in container["volumeMounts"] if m["name"] == "headers")
    (volume,) = (v for v in pod_of(WITH_SECRET)["volumes"] if v["name"] == "headers")
    assert mount["readOnly"] is True
    assert [a for a in container["args"] if a.startswith("--header")] == [f"--header=@{mount['mountPath']}/headers"]
    assert f"kubectl create secret generic {volume['secret']['secretName']} --from-file=headers=FILE" in DOCS
    for arg in container["args"]:
        assert not re.search(r"token|password|authorization|cookie|://[^/]*@", arg, re.IGNORECASE)


def test_each_index_is_its_part_of_the_one_plan_at_the_start_that_the_documented_command_gives(monkeypatch, tmp_path):
    (command,) = re.findall(r"^sed .* \| kubectl create -f -$", DOCS, re.MULTILINE)
    before = datetime.now(UTC).replace(microsecond=0)
    script = f"kubectl() {{ cat; }}\n{command}"
    created = subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    configs = []
    for index in range(PODS):
        monkeypatch.setenv(INDEX, str(index))
        configs.append(config_of(arguments(created)))
    assert [config.part for config in configs] == [Part(number, PODS) for number in range(1, PODS + 1)]
    assert len({(config.seed, config.phases, config.start_at) for config in configs}) == 1
    start = datetime.fromtimestamp(configs[0].start_at, UTC)
    assert before + timedelta(minutes=2) <= start <= datetime.now(UTC) + timedelta(minutes=2)


def test_a_manifest_without_a_start_is_refused(monkeypatch, capsys):
    monkeypatch.setenv(INDEX, "0")
    monkeypatch.setattr(sys, "argv", ["trafficgen", *arguments()])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.startswith("trafficgen: --start-at: '@START@'")


def test_the_report_is_taken_out_of_a_pods_log(tmp_path):
    """The documented loop, with a `kubectl` that prints a report between lines of stderr."""
    (loop,) = re.findall(r"^for index in .*?^done$", DOCS, re.MULTILINE | re.DOTALL)
    kubectl = """kubectl() { printf 'part starts at\\n{\\n  "asked": "%s",\\n  "o": {\\n  }\\n}\\nlost\\n' "$*"; }"""
    subprocess.run(["bash", "-c", f"{kubectl}\n{loop}"], cwd=tmp_path, check=True)
    job = f"batch.kubernetes.io/job-name={JOB['metadata']['name']},batch.kubernetes.io/job-completion-index="
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"part-{index + 1}.json": f'{{\n  "asked": "logs --tail=-1 -l {job}{index}",\n  "o": {{\n  }}\n}}\n'
        for index in range(PODS)
    }
