"""The committed files are what the modules make, and Grafana's own model reads them without loss."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from dashboards import build, style
from dashboards.cli import main


def test_committed_files_are_what_the_boards_make():
    assert build.stale() == [], "run `python -m dashboards build` and commit dashboards/json"


def test_build_writes_and_removes_and_says_so(tmp_path):
    (tmp_path / "gone.json").write_text("{}")
    first = build.write(tmp_path)
    assert first == ["gone.json", *sorted(build.rendered())]
    assert build.write(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(build.rendered())


def test_check_names_the_stale_file_and_exits_1(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "JSON_DIR", tmp_path)
    monkeypatch.setattr(build.stale, "__defaults__", (tmp_path,))
    got = CliRunner().invoke(main, ["build", "--check"])
    assert got.exit_code == 1
    assert "tidewatch-site.json" in got.stdout
    assert got.stderr == "dashboards: these files differ from their boards; run `python -m dashboards build`\n"


@pytest.mark.parametrize("path", sorted(build.JSON_DIR.glob("*.json")), ids=lambda path: path.stem)
def test_grafanas_model_reads_the_file_and_gives_it_back_whole(path):
    text = json.loads(path.read_text())
    assert style.round_trip(text) == text


def test_a_key_that_grafana_does_not_know_is_lost_in_the_round_trip():
    """So that the test above can fail."""
    text = json.loads(next(iter(build.rendered().values())))
    text["panels"][1]["titel"] = "a typing error"
    assert "titel" not in style.round_trip(text)["panels"][1]


@pytest.mark.slow
def test_the_sdks_deprecation_warnings_are_filtered_in_one_place():
    command = [sys.executable, "-W", "error", "-c", "import dashboards.build"]
    got = subprocess.run(command, capture_output=True, check=False)
    assert (got.returncode, got.stderr) == (0, b"")


def test_an_installation_without_the_developers_packages_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr("dashboards.cli.find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["build"])
    lacks = "build needs the developers' packages: pip install -r requirements-dev.txt in a clone of Tidewatch"
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"dashboards: {lacks}\n")
