"""A Prometheus of Debian that has the samples of a text already, and scrapes nothing."""

import contextlib
import re
import signal
import subprocess


@contextlib.contextmanager
def backfilled(folder, lines):
    """Its address, meanwhile; `lines` are OpenMetrics with times, without the end."""
    (folder / "text.om").write_text("".join([*lines, "# EOF\n"]))
    create = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "text.om", folder / "data"]
    subprocess.run(create, check=True, capture_output=True)
    (folder / "empty.yml").write_text("{}")
    command = ["prometheus", f"--config.file={folder / 'empty.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += ["--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        port, ready = "", False
        for line in server.stderr:  # it listens beside the rest, so either line may be the first
            port = port or "".join(re.findall(r"Listening on.*127\.0\.0\.1:([1-9]\d*)", line))
            ready = ready or "Server is ready" in line
            if port and ready:
                break
        if not (port and ready):
            raise AssertionError(f"Prometheus ended with {server.wait()}")
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGTERM)
        server.stderr.read()
