"""The files of packaging/kubernetes, read as YAML, for the tests that share them."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging" / "kubernetes"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.yaml"))
OLDEST = "1.29"
"""The first Kubernetes in which an initContainer may have restartPolicy Always, and podReplacementPolicy exists."""
RESOURCES = [name for name in FILES if not name.endswith("kustomization.yaml")]


def documents(name):
    """The resources in a file, by kind and name."""
    found = [one for one in yaml.safe_load_all((FOLDER / name).read_text("utf-8")) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def everything():
    """All resources of all files."""
    return {key: one for name in RESOURCES for key, one in documents(name).items()}


def pods():
    """The specification of each kind of pod, by the name of the resource that creates it."""
    makers = {name: one for (_, name), one in everything().items() if "template" in one.get("spec", {})}
    return {name: one["spec"]["template"]["spec"] for name, one in makers.items()}


def containers(pod):
    """All containers of a pod by name, including its initContainers."""
    return {one["name"]: one for one in (*pod.get("initContainers", ()), *pod["containers"])}
