"""What becomes of a run's report."""

import json

import pytest

from foundation.errors import TidewatchError
from trafficgen.command import publish
from trafficgen.meter.meter import Meter
from trafficgen.report.report import make_report


@pytest.fixture
def meter():
    return Meter(("/",))


@pytest.fixture
def report(meter):
    return make_report(meter, url="http://127.0.0.1:1/", seed=1, seconds=1.0, plan_s=1.0, started_at=0.0)


def test_a_report_replaces_the_one_before_whole(report, meter, tmp_path, capsys):
    path = tmp_path / "report.json"
    path.write_text("an older and much longer report " * 100)
    publish(report, meter, "json", path)
    assert json.loads(path.read_text())["seed"] == 1
    assert list(tmp_path.iterdir()) == [path]
    assert capsys.readouterr().out == ""


def test_a_report_that_cannot_be_written_goes_to_stdout(report, meter, tmp_path, capsys):
    gone = tmp_path / "removed meanwhile" / "report.json"
    with pytest.raises(TidewatchError, match=r"--output: .*/report.json: No such file .*; the report went to stdout"):
        publish(report, meter, "json", gone)
    assert json.loads(capsys.readouterr().out)["seed"] == 1
