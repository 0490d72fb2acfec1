"""The chart as Helm renders it, kept beside the tests, for Helm is not on every machine.

`python tests/packaging/chart.py` renews it. Each file says in its first line of which chart it was made.
"""

import hashlib
import subprocess
from pathlib import Path

from manifests import OLDEST, ROOT

CHART = ROOT / "packaging" / "helm" / "tidewatch"
FOLDER = Path(__file__).parent / "golden"
RENDERED = {
    "daemonset": ("--set=serviceMonitor.enabled=true",),
    "deployment": (f"--values={Path(__file__).parent / 'deployment.values.yaml'}",),
}
"""Flags by the name of the file."""


def digest() -> str:
    """Of all that Helm renders but the rules and boards, which go through unchanged."""
    names = ["Chart.yaml", "values.yaml", *sorted(f"templates/{path.name}" for path in (CHART / "templates").iterdir())]
    return hashlib.sha256(b"".join((CHART / name).read_bytes() for name in names)).hexdigest()


def render(*flags: str) -> str:
    """What Helm makes of the chart. Raises CalledProcessError."""
    command = ["helm", "template", "tidewatch", str(CHART), "--namespace=tidewatch", f"--kube-version={OLDEST}", *flags]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    for name, flags in RENDERED.items():
        (FOLDER / f"{name}.yaml").write_text(f"# of {digest()}\n{render(*flags)}")
