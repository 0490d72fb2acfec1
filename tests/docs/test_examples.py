"""Examples: what `exporter infer` makes of their logs counts what their own configuration counts."""

import json

import click.testing
import pytest
from blocks import ROOT, Block
from load import load

from exporter.cli import cli

EXAMPLES = ROOT / "examples"
ACCESS_LOGS = sorted(path.parent.name for path in EXAMPLES.glob("*/access.log"))


def run(*words, code=0):
    done = click.testing.CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == code, done.output + str(done.exception)
    return done.stdout


def totals(log, config):
    """Lines, those that are no requests, and requests and bytes by what every log has."""
    found = json.loads(run("summary", log, "--config.file", config, "--by", "method,code,path", "--json"))
    found["requests"].sort(key=lambda one: sorted(one.items(), key=str))
    return found


def test_there_are_examples_of_each_kind():
    assert len(ACCESS_LOGS) >= 6
    index = (EXAMPLES / "README.md").read_text("utf-8")
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert {name for name in folders if f"]({name}/README.md)" not in index} == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ACCESS_LOGS)
def test_what_infer_writes_counts_what_the_example_counts(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = EXAMPLES / name / "access.log"
    own = tmp_path / "own.yml"
    text = (EXAMPLES / name / "exporter.yml").read_text("utf-8")
    own.write_text(text.partition("    ignore:")[0])  # what is not counted is a choice, not found in a log
    run("infer", log, "--output", tmp_path / "inferred.yml")
    assert totals(log, tmp_path / "inferred.yml") == totals(log, own)


@pytest.mark.parametrize(
    ("log", "want"),
    [("app-json/app.log", "in `fields` of format json"), ("grok/jobs.log", "no known format fits its lines")],
)
def test_what_is_no_access_log_is_not_taken_for_one(log, want):
    done = click.testing.CliRunner().invoke(cli, ["infer", str(EXAMPLES / log)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert want in str(done.exception)


@pytest.mark.parametrize(
    ("file", "language"),
    [("slo/slo.yml", "yaml"), ("load-test/scenario.yml", "yaml"), ("nginx-upstream-json/nginx.conf", "nginx")],
)
def test_a_file_beside_the_commands_is_read_by_its_program(file, language, tmp_path):
    text = (EXAMPLES / file).read_text("utf-8").replace("/var/log/nginx", str(tmp_path))
    load(Block(file, 1, language, text, {}), tmp_path)
