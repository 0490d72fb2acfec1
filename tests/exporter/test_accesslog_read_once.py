"""What can be read only once, plain and packed, through each batch tool as it is run."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
LINES = [
    f'192.0.2.{i} - - [26/Nov/2026:05:06:27 +0000] "GET /users/{i} HTTP/1.1" 200 {i} "-" "curl/8"\n' for i in range(9)
]
SERIES = 'source="log",method="GET",route="/users/{id}",code="200"'
TOOLS = {
    "summary": ("exporter summary <(cat access.log.gz)", "9 lines, 0 bad"),
    "infer": ("cat access.log | exporter infer /dev/stdin", "  format: combined"),
    "explain": (
        "mkfifo fifo; cat access.log.gz > fifo & exporter explain --lines 9 fifo",
        f"    feeds    tidewatch_http_response_bytes_total{{{SERIES}}} +8",
    ),
    "backfill": (
        "exporter backfill - < access.log",
        f"tidewatch_http_requests_total{{{SERIES}}} 9 1795669620",
    ),
}


def bash(script, cwd):
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        env={"PATH": f"{BIN}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.e2e
@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_reads_what_can_be_read_once(tmp_path, tool):
    (tmp_path / "access.log").write_text("".join(LINES))
    (tmp_path / "access.log.gz").write_bytes(gzip.compress("".join(LINES).encode()))
    script, wanted = TOOLS[tool]
    done = bash(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert wanted in done.stdout.splitlines()


@pytest.mark.e2e
def test_an_empty_input_is_said(tmp_path):
    done = bash("exporter summary --format combined - </dev/null", tmp_path)
    assert done.stderr == "exporter: -: empty\n"
