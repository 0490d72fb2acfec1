"""The chart as Helm renders it, kept beside the tests because not every machine has Helm.

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
"""Name of the file to the flags of Helm."""


def digest() -> str:
    """A hash of everything that Helm renders except rules and boards, which it passes through unchanged."""
    names = ["Chart.yaml", "values.yaml", *sorted(f"templates/{path.name}" for path in (CHART / "templates").iterdir())]
    return hashlib.sha256(b"".join((CHART / name).read_bytes() for name in names)).hexdigest()


def render(*flags: str) -> str:
    """The chart as Helm renders it. Raises CalledProcessError."""
    command = ["helm", "template", "tidewatch", str(CHART), "--namespace=tidewatch", f"--kube-version={OLDEST}", *flags]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    for name, flags in RENDERED.items():
        (FOLDER / f"{name}.yaml").write_text(f"# of {digest()}\n{render(*flags)}")
