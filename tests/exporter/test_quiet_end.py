"""Nothing but the program's own lines is on its standard error."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.e2e
def test_the_daemon_with_duckdb_ends_without_a_word_of_others(tmp_path):
    (tmp_path / "e.yml").write_text(f"state_dir: {tmp_path}/state\nstores: [{{source: s, http: '127.0.0.1:0'}}]\n")
    command = [
        Path(sys.executable).parent / "exporter",
        "--config.file",
        "e.yml",
        "--web.listen-address",
        "127.0.0.1:0",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.count("listening") and "component=daemon" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert [line for line in said if not line.startswith("ts=")] == []
    assert said[-1].count("stopping")
