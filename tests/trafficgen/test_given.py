"""Reports say by which command a run was made, and none of its secrets."""

import shlex

import click
import pytest
from click.testing import CliRunner

from foundation.errors import ConfigError
from trafficgen.cli import cli
from trafficgen.given import NotedGroup, given_command


def told(*arguments):
    """What is said of a command with the options of `trafficgen`."""

    @click.group(cls=NotedGroup, invoke_without_command=True)
    @click.pass_context
    def group(context, **_options):
        if context.invoked_subcommand is None:
            print(given_command(context))

    @group.command("run")
    @click.argument("scenario", nargs=-1)
    @click.pass_context
    def run(context, **_options):
        print(given_command(context))

    group.params += cli.params[:-1]
    run.params += cli.params[:-1]
    got = CliRunner().invoke(group, [*arguments])
    assert got.exit_code == 0, got.output
    return got.stdout.rstrip("\n")


URL = "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        pytest.param(["--url", URL, "--rps=5"], f"trafficgen --url {URL} --rps 5", id="plain"),
        pytest.param(["run", "a b", "--seed", "1", "c"], "trafficgen run --seed 1 'a b' c", id="arguments"),
        pytest.param(["--no-keepalive", "--http2"], "trafficgen --no-keepalive --http2", id="switches"),
        pytest.param(["--rps", "1", "--rps", "2"], "trafficgen --rps 2", id="again"),
        pytest.param(
            ["--fail-if", "error_ratio>0.1", "--rps", "1", "--fail-if", "latency_p99>1s"],
            "trafficgen --fail-if 'error_ratio>0.1' --rps 1 --fail-if 'latency_p99>1s'",
            id="repeated",
        ),
        pytest.param(
            ["--header", "Authorization: Bearer hush", "--header", "Cookie:hush", "--header", "@secrets.txt"],
            "trafficgen --header 'Authorization: ...' --header 'Cookie: ...' --header @secrets.txt",
            id="headers",
        ),
        pytest.param(
            ["--url", "http://me:hush@a/?q=1&api_key=hush"], "trafficgen --url 'http://a/?q=1&api_key=...'", id="url"
        ),
        pytest.param(["--mix", "/a?token=hush=9"], "trafficgen --mix '/a?token=...'", id="mix"),
        pytest.param(["--header", "hush"], "trafficgen --header ...", id="header-without-a-name"),
        pytest.param(
            ["--pattern", "like:http://me:hush@h:9/?query=x @ 5", "--pattern", "like:http://h:9/?query=x @ 5"],
            "trafficgen --pattern 'like:http://h:9/?query=x @ 5' --pattern 'like:http://h:9/?query=x @ 5'",
            id="pattern",
        ),
        pytest.param([], "trafficgen", id="nothing"),
    ],
)  # fmt: skip
def test_the_command_is_told_without_its_secrets(arguments, want):
    assert told(*arguments) == want


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        pytest.param(["--url", URL, "--rps", "1"], "run_config", id="alone"),
        pytest.param(["run", "demo", "--url", URL], "run_scenario", id="run"),
        pytest.param(["replay", __file__, "--url", URL], "run_replay", id="replay"),
    ],
)
def test_every_command_that_sends_hands_it_on(monkeypatch, arguments, runs):
    handed = []

    def run(*given):
        handed.append(given[-1]["command"])
        return 0

    monkeypatch.setattr(f"trafficgen.command.{runs}", run)
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    (command,) = handed
    assert set(shlex.split(command)) == {"trafficgen", *arguments}


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "in", "other"],
        ["compare", "other", "in"],
        ["merge", "other", "in"],
        ["import-har", "in"],
        ["replay", "in", "--url", "http://127.0.0.1:9"],
        ["run", "in"],
        ["--url", "http://127.0.0.1:9", "--rps", "1", "--targets", "in"],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_no_result_replaces_a_file_that_is_read(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    for name in ("in", "other"):
        (tmp_path / name).write_text("kept")
    (tmp_path / "link").symlink_to("in")
    for output in ("in", str(tmp_path / "in"), "link"):
        got = CliRunner().invoke(cli, [*arguments, "--output", output])
        assert isinstance(got.exception, ConfigError)
        assert str(got.exception) == f"--output: {output}: this command reads that file; give another name"
    assert (tmp_path / "in").read_text() == "kept"
