"""Both HTTP APIs do what their OpenAPI documents say, and refuse what those forbid, by a fuzzer."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ports import free_ports
from store_server import ask, start

ROOT = Path(__file__).resolve().parents[2]
FUZZER = shutil.which("schemathesis")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(300),  # a minute on a quiet machine
    pytest.mark.skipif(FUZZER is None, reason="schemathesis is not installed"),
]


def find_faults(folder, document, *more):
    """What schemathesis says, '' where it finds nothing. The same requests each time."""
    command = [FUZZER, "run", document, "--max-examples", "40", "--generation-deterministic", "--no-color", *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_stores_api_keeps_its_document(tmp_path):
    feed = ["trafficgen", "feed", "stores", "--output", tmp_path / "inbox", "--stores", "20", "--hours", "48"]
    subprocess.run([*feed, "--seed", "1"], check=True)
    process, url = start(tmp_path)
    try:
        # Two ranges, or an end before its start, are of well-formed parameters: 422, which the document has for them.
        (tmp_path / "schemathesis.toml").write_text(
            "".join(
                f'[[operations]]\ninclude-path = "{path}"\n'
                f"checks.positive_data_acceptance.expected-statuses = {accepted}\n"
                for path, accepted in (("/report", [200, 422]), ("/stores/{store_id}", [200, 404, 422]))
            )
        )
        assert find_faults(tmp_path, f"{url}/openapi.json") == ""
        told = (tmp_path / "serve.log").read_text()
        assert "level=error" not in told
        assert "Traceback" not in told
        assert ask(f"{url}/-/healthy") == (200, b"ok\n")
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_the_ingest_of_releases_keeps_its_document(tmp_path):
    (port,) = free_ports(1)
    source = {"source": "app", "http": f"127.0.0.1:{port}", "baseline": "1.0"}
    (tmp_path / "exporter.yml").write_text(json.dumps({"state_dir": str(tmp_path / "state"), "releases": [source]}))
    document = json.loads((ROOT / "docs" / "openapi-ingest.json").read_text())
    # A key that comes again with another body is refused, which no schema can say.
    document["paths"]["/ingest"]["post"]["parameters"] = []
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    command = ["exporter", "--config.file", tmp_path / "exporter.yml", "--web.listen-address", "127.0.0.1:0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not listens(url):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        assert find_faults(tmp_path, tmp_path / "openapi.json", "--url", url) == ""
        assert "Traceback" not in (tmp_path / "log").read_text()
        assert ask(f"{url}/-/healthy") == (200, b"ok\n")
    finally:
        process.terminate()
        assert process.wait(20) == 0


def listens(url):
    try:
        return ask(f"{url}/-/healthy")[0] == 200
    except OSError:
        return False
