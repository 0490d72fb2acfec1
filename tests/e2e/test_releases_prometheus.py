"""A counter in a real Prometheus, compared by its labels."""

import json
import re
import shutil
import signal
import subprocess

import pytest
from click.testing import CliRunner

from exporter.releases.cli import releases

START = 1_700_000_000 // 3600 * 3600
MINUTES = 30

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed (Debian: prometheus)"),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A server with half an hour of a counter: code 502 is three times as frequent in 1.1, the others are alike."""
    folder = tmp_path_factory.mktemp("prometheus")
    rates = {("1.0", "502"): 2, ("1.1", "502"): 6, ("1.0", "7"): 4, ("1.1", "7"): 4}
    lines = ["# TYPE app_errors counter\n"]
    for (version, code), errors in rates.items():
        lines += [
            f'app_errors_total{{version="{version}",code="{code}"}} {errors * step} {START + 5 * step}\n'
            for step in range(MINUTES * 12)
        ]
    (folder / "text.om").write_text("".join([*lines, "# EOF\n"]))
    create = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "text.om", folder / "data"]
    subprocess.run(create, check=True, capture_output=True)
    (folder / "empty.yml").write_text("{}")
    command = ["prometheus", f"--config.file={folder / 'empty.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += ["--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        port = ""
        for line in server.stderr:
            port = port or "".join(re.findall(r"Listening on.*127\.0\.0\.1:([1-9]\d*)", line))
            if "Server is ready" in line:
                break
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGTERM)
        server.stderr.read()


@pytest.mark.parametrize(
    "query",
    [
        "sum by (version, code) (increase(app_errors_total[20s]))",
        "sum by (version, code) (rate(app_errors_total[20s]))",
        "app_errors_total",
    ],
    ids=["increase", "rate", "counter"],
)
def test_a_counter_is_compared_by_its_labels(prometheus, query):
    flags = ["--prometheus", prometheus, "--from", str(START), "--to", str(START + 60 * MINUTES), "--query", query]
    done = CliRunner().invoke(releases, ["report", "--format", "json", *flags])
    assert done.exception is None, done.exception
    tree = json.loads(done.stdout)
    assert [str(code) for code in tree["verdict"]["worse"]] == ["502"]
    assert tree["builds"]["1.1"] == pytest.approx(10 * 12 * MINUTES, rel=0.02)
    assert tree["builds"]["1.0"] == pytest.approx(6 * 12 * MINUTES, rel=0.02)
