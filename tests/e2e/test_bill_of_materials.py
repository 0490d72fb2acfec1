"""The bill of materials names what the lock names, with its hashes."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_locked_package_is_in_the_bill(tmp_path):
    made = tmp_path / "bill.json"
    (recipe,) = re.findall(r"^\tcyclonedx-py (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    words = [str(made) if word.startswith("dist/") else word for word in recipe.split()]
    subprocess.run([Path(sys.executable).with_name("cyclonedx-py"), *words], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads(made.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {
        (component["name"], component["version"]): {
            entry["content"] for reference in component["externalReferences"] for entry in reference["hashes"]
        }
        for component in bill["components"]
    }
    locked = {
        (name, version): set(re.findall(r"sha256:(\w{64})", rest))
        for name, version, rest in re.findall(
            r"^([\w.-]+)==([^\s;]+)(.*(?:\n    .*)*)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
        )
    }
    assert listed == locked
