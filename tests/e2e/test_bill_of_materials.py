"""Each bill of materials names what its lock names, with its hashes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = re.findall(r"^\tcyclonedx-py (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_core_and_the_whole_have_bills():
    assert [recipe.split()[-2:] for recipe in RECIPES] == [
        ["dist/tidewatch-core.cdx.json", "requirements.txt"],
        ["dist/tidewatch.cdx.json", "requirements-all.txt"],
    ]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.split()[-1])
def test_every_locked_package_is_in_the_bill(tmp_path, recipe):
    made = tmp_path / "bill.json"
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
            r"^([\w.-]+)==([^\s;]+)(.*(?:\n    .*)*)", (ROOT / words[-1]).read_text(), re.MULTILINE
        )
    }
    assert listed == locked
