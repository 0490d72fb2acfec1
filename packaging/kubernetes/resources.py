"""Makes the rules and boards that kustomize and the chart share: `make kubernetes`. A test compares what is there."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "helm" / "tidewatch" / "files"
EXPORTS = {
    "rules": ("--format=prometheusrule", "--job=tidewatch-exporter", "--scrape-interval=15s", "--no-runbooks"),
    "dashboards": ("--format=configmaps", "--no-runbooks"),
}
"""Flags of `python -m alerts export`, by folder. Job and interval are those of the ServiceMonitor."""
HEAD = """# Made by `make kubernetes`.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
"""


def make(folder: Path) -> None:
    """Write both folders below `folder`; what an earlier run wrote and this one does not is removed."""
    for name, flags in EXPORTS.items():
        for path in (folder / name).glob("*.y*ml"):
            path.unlink()
        command = [sys.executable, "-m", "alerts", "export", *flags, f"--output={folder / name}"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        files = sorted(path.name for path in (folder / name).glob("*.yml"))
        text = HEAD + "".join(f"  - {file}\n" for file in files)
        (folder / name / "kustomization.yaml").write_text(text, "utf-8")


if __name__ == "__main__":
    make(FOLDER)
