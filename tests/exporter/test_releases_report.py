"""What `exporter releases report` and `heatmap --follow` print."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exporter.releases.cli import releases
from exporter.releases.render import terminal
from foundation.clock import SystemClock

SHARED = Path(os.environ.get("TIDEWATCH_SHARED") or Path(__file__).resolve().parents[3] / "shared")
SET_A = SHARED / "data" / "004-streaming-metrics" / "ErrorStreamSetA.csv"
RECORDS = "".join(
    f"0:{second // 60:02}:{second % 60:02}\t{build}\t{code}\n"
    for second in range(600)
    for build, code in [("5.1", 3), ("5.<b>", 3), ("5.1", 4), *([("5.<b>", 4)] * 3)]
)


def run(*args, records=RECORDS):
    done = CliRunner().invoke(releases, ["report", *args], input=records)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not SET_A.exists(), reason="the data set of task 004 is not beside the project")
def test_the_tasks_alert_is_printed_as_the_task_prints_it():
    printed = run(str(SET_A), "--detector", "mean-threshold")
    assert (
        "Alert: Mean Threshold Exceeded\n"
        "    Start Timestamp: 0:59:00\n"
        "    Stop Timestamp:  0:59:40\n"
        "    Error Code:      Error_Code_3\n"
        "    Value:           1.9000000000000004\n"
        "    Threshold:       1.25\n"
    ) in printed
    assert "Evidence" not in printed


def test_json_has_the_promised_keys_and_the_worse_code():
    tree = json.loads(run("-", "--format", "json"), parse_constant=pytest.fail)
    assert tree["builds"] == {"5.1": 1200, "5.<b>": 2400}
    same, worse = tree["codes"]
    promised = {"code", "baseline", "candidate", "rate_ratio", "rate_ratio_low", "rate_ratio_high", "p_value"}
    assert promised | {"q_value", "evidence", "alarm_at"} <= worse.keys()
    assert (same["code"], same["baseline"], same["candidate"], same["alarm_at"]) == ("3", 600, 600, None)
    assert (worse["code"], worse["baseline"], worse["candidate"], worse["rate_ratio"]) == ("4", 600, 1800, 3.0)
    assert worse["rate_ratio_low"] < 3 < worse["rate_ratio_high"]
    evidence = [alert for alert in tree["alerts"] if alert["detector"] == "evidence"]
    assert {"code", "detector", "start", "stop", "value", "threshold"} <= evidence[0].keys()
    assert [(a["code"], a["start"], a["stop"]) for a in evidence] == [("4", worse["alarm_at"], None)]
    assert (tree["input"]["records"], tree["input"]["seconds"], tree["input"]["failed"]) == (3600, 600, {})


def test_only_the_detectors_asked_for_speak():
    def speakers(*names):
        flags = [part for name in names for part in ("--detector", name)]
        return {alert["detector"] for alert in json.loads(run("-", "--format", "json", *flags))["alerts"]}

    assert speakers("onset") == {"onset"}
    assert speakers("evidence", "mean-threshold") == {"evidence", "mean-threshold"}


@pytest.mark.slow
def test_the_page_is_one_file_with_the_picture_and_names_are_only_text():
    page = run("-", "--format", "html")
    assert "5.<b>" not in page
    assert "5.&lt;b&gt;" in page
    assert base64.b64decode(re.search(r"base64,([^\"]+)", page)[1]).startswith(b"\x89PNG")
    assert "http" not in page.replace("data:image", "")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [60, 600], ids=["no alarm", "alarms"])
def test_the_panels_of_several_builds_can_be_laid_out(tmp_path, seconds):
    """Where they cannot, matplotlib warns, and they are far apart or over each other."""
    records = "".join(
        f"0:{s // 60:02}:{s % 60:02}\t5.{build}\t{code}\n" * (1 if build < 3 else 9)
        for s in range(seconds)
        for build in (1, 2, 3)
        for code in (1, 2)
    )
    picture = tmp_path / "heatmap.svg"
    got = CliRunner().invoke(releases, ["heatmap", "-", "--output", str(picture)], input=records)
    assert (got.exit_code, got.stderr) == (0, "")


@pytest.mark.slow
def test_following_standard_input_ends_with_the_last_picture():
    """Without a terminal that is the only one."""
    command = [sys.executable, "-m", "exporter.cli", "releases", "heatmap", "-", "--follow"]
    done = subprocess.run(command, input=RECORDS, capture_output=True, text=True, check=True)
    assert done.stdout.count("against 5.1, 3600 records") == 1
    assert done.stderr == ""


@pytest.mark.slow
async def test_a_file_is_followed_through_its_rotation(tmp_path):
    path = tmp_path / "errors.tsv"
    path.write_text("0:00:01\t5.1\t3\n")
    came: Any = terminal.batches(str(path), SystemClock())
    async with asyncio.timeout(30):
        assert (await anext(batch async for batch in came if batch.data)).data == b"0:00:01\t5.1\t3\n"
        path.rename(tmp_path / "errors.tsv.1")
        path.write_text("0:00:02\t5.1\t3\n")
        second = await anext(batch async for batch in came if batch.data)
        assert (second.data, second.begins) == (b"0:00:02\t5.1\t3\n", True)
    await came.aclose()
