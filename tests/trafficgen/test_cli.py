"""Flags that cannot be: one line on stderr that says what is allowed, exit 2."""

import sys

import pytest

from trafficgen.cli import cli, main
from trafficgen.options import load_config

URL = "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param([], "--url is missing", id="nothing"),
        pytest.param(["--url", "http://", "--rps", "1"], "no host", id="no-host"),
        pytest.param(["--url", "ftp://x/", "--rps", "1"], "not an http or https URL", id="scheme"),
        pytest.param(["--url", URL], "--rps: missing", id="no-rate"),
        pytest.param(["--url", URL, "--rps", "0"], "above 0", id="rate-0"),
        pytest.param(["--url", URL, "--rps", "-5"], "above 0", id="rate-negative"),
        pytest.param(["--url", URL, "--rps", "nan"], "above 0", id="rate-nan"),
        pytest.param(["--url", URL, "--rps", "many"], "'many' is not a valid float", id="rate-text"),
        pytest.param(["--url", URL, "--rps", "1", "--jitter", "1.1"], "from 0 to 1", id="jitter-high"),
        pytest.param(["--url", URL, "--rps", "1", "--jitter", "-0.1"], "from 0 to 1", id="jitter-low"),
        pytest.param(["--url", URL, "--rps", "1", "--mix", ""], "empty", id="mix-empty"),
        pytest.param(["--url", URL, "--rps", "1", "--mix", "/;3"], "write /path=weight", id="mix-syntax"),
        pytest.param(["--url", URL, "--rps", "1", "--duration", "soon"], "invalid duration", id="duration"),
        pytest.param(["--url", URL, "--rps", "1", "--grain", "11ms"], "at least 0s and at most 10ms", id="grain"),
        pytest.param(["--url", URL, "--rps", "1", "--metrics-address", "x"], "expected HOST:PORT", id="address"),
        pytest.param(["--url", URL, "--rps", "1", "--fail-if", "luck<1"], "error_ratio>0.01", id="fail-if"),
        pytest.param(["--url", URL, "--pattern", "constant"], "--rps: missing", id="pattern-without-rate"),
        pytest.param(["--rps", "3", "plan", "--rps", "3"], "after the subcommand", id="flag-before-subcommand"),
        pytest.param(["run", "demo"], "no url in the scenario", id="scenario-without-url"),
        pytest.param(
            ["replay", __file__, "--url", URL, "--speed", "0"], "--speed: 0; expected a number above 0", id="speed"
        ),
        pytest.param(["plan", "--rps", "inf"], "at most 10,000,000", id="rate-infinite"),
        pytest.param(["--url", URL, "--rps", "1", "--speed", "3"], "No such option", id="unknown-flag"),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_2(monkeypatch, tmp_path, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["trafficgen", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert says in err
    assert err.startswith("trafficgen: ")
    assert err.count("\n") == 1


def test_a_scenario_that_is_neither_a_file_nor_known_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["trafficgen", "run", "no-such"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (3, "", 1)
    assert "nor a scenario of the program's own" in err


@pytest.mark.parametrize(
    ("given", "grain_s"), [((), None), (("--grain", "0"), 0.0), (("--grain", "0.25ms"), 0.00025)], ids=str
)
def test_the_grain_follows_the_rate_unless_it_is_given(given, grain_s):
    with cli.make_context("trafficgen", ["--url", URL, "--rps", "1", *given]) as context:
        assert load_config(context.params).grain_s == grain_s
