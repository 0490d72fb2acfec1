"""Flags that cannot be: one line on stderr that says what is allowed, exit 2."""

import sys

import pytest

from trafficgen.cli import main

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
        pytest.param(["--url", URL, "--rps", "1", "--metrics-address", "x"], "expected HOST:PORT", id="address"),
        pytest.param(["--url", URL, "--rps", "1", "--output", "absent/r"], "no folder absent", id="output"),
        pytest.param(["--url", URL, "--rps", "1", "--fail-if", "luck<1"], "error_ratio>0.01", id="fail-if"),
        pytest.param(["--url", URL, "--pattern", "constant"], "--rps: missing", id="pattern-without-rate"),
        pytest.param(["--rps", "3", "plan", "--rps", "3"], "after the subcommand", id="flag-before-subcommand"),
        pytest.param(["run", "no-such"], "nor a scenario of the program's own", id="scenario"),
        pytest.param(["run", "demo"], "no url in the scenario", id="scenario-without-url"),
        pytest.param(["replay", "x.log", "--url", URL, "--speed", "0"], "--speed: 0; it must be above 0", id="speed"),
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
