"""An exporter on thousands of files, and on more than it can have open: every line is counted, or the file is told."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

UP_WITHIN_S = 200
LINE = "192.0.2.1\tGET /{}\t200\t5\n"


class Exporter:
    """One process with one source: the logs in a folder."""

    def __init__(self, folder, *, descriptors=None, **settings):
        self.folder, self.logs = folder, folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self._config = folder / "exporter.yml"
        more = "".join(f", {key}: {value}" for key, value in settings.items())
        self._config.write_text(
            f"state_dir: {folder}/state\n"
            f"accesslog: [{{source: many, paths: ['{self.logs}/*.log'], routes: ['/a']{more}}}]\n"
        )
        self.stderr = folder / "stderr"
        self._descriptors = descriptors

    def __enter__(self):
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}/metrics"
        program = [Path(sys.executable).parent / "exporter", "--config.file", self._config]
        command = [*map(str, program), "--web.listen-address", f"127.0.0.1:{port}"]
        if self._descriptors:
            command = ["sh", "-c", f'ulimit -n {self._descriptors}; exec "$@"', "sh", *command]
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(command, stderr=stderr)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) == 0, self.stderr.read_text()[-2000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def metrics(self):
        """Sums by name of one scrape; nothing before it answers."""
        try:
            with urllib.request.urlopen(self._url, timeout=30) as answer:
                text = answer.read().decode()
        except OSError:  # it is starting
            return {}
        found = {}
        for name, value in re.findall(r"^(\w+)(?:{.*})? (\S+)$", text, re.MULTILINE):
            found[name] = found.get(name, 0) + float(value)
        return found

    def until(self, **want):
        """Scrape until these metrics of the log have these values."""
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            found = self.metrics()
            seen = {name: found.get(f"tidewatch_log_{name}") for name in want}
            if seen == want:
                return found
            assert self.process.poll() is None, self.stderr.read_text()[-2000:]
            assert time.monotonic() < deadline, (seen, self.stderr.read_text()[-2000:])
            time.sleep(0.1)  # another process, which only its metrics show


class Logs:
    """Files, and how many lines were written to them."""

    def __init__(self, folder, count):
        self.paths = [folder / f"{number:05}.log" for number in range(count)]
        self.written = 0

    def write(self, paths, lines=1):
        for path in paths:
            with path.open("a") as log:
                log.write(LINE.format("a") * lines)
        self.written += lines * len(paths)


def test_every_line_of_5000_files_is_counted_through_rotation_renames_deletion_and_a_kill(tmp_path):
    exporter = Exporter(tmp_path)
    logs = Logs(exporter.logs, 5000)
    rotated, moved, deleted = logs.paths[:300], logs.paths[300:400], logs.paths[400:500]
    logs.write(logs.paths)
    with exporter:
        exporter.until(lines_total=logs.written, files_followed=5000)
        logs.write(logs.paths[::5])
        for path in rotated:
            path.rename(f"{path}.1")
        for path in moved:
            path.rename(path.with_name(f"moved-{path.name}"))
        logs.write(rotated, 2)
        exporter.until(lines_total=logs.written)
        for path in deleted:
            path.unlink()
        logs.write(logs.paths[500:])
        exporter.until(lines_total=logs.written, lost_bytes_total=0, lag_bytes=0)
        logs.write(logs.paths[500:1500])
        exporter.kill()
    for path in logs.paths[500:800]:
        path.rename(f"{path}.1")
    logs.write(logs.paths[500:900])
    with exporter:
        found = exporter.until(lines_total=logs.written, lost_bytes_total=0, lag_bytes=0)
    assert found["tidewatch_http_requests_total"] == logs.written


@pytest.mark.parametrize("max_files", [10_000, 200])
def test_with_64_descriptors_each_line_of_300_files_is_counted_or_its_file_is_told(tmp_path, max_files):
    exporter = Exporter(tmp_path, descriptors=64, max_files=max_files)
    logs = Logs(exporter.logs, 300)
    read = counted = min(300, max_files)
    logs.write(logs.paths)
    with exporter:
        exporter.until(lines_total=read, files_followed=read, files_skipped=300 - read, readable=1)
        for number in range(3):
            logs.write(logs.paths[number::2], 2)
            counted += 2 * len(logs.paths[:read][number::2])
            exporter.until(lines_total=counted, lag_bytes=0)
        for path in logs.paths[:50]:
            path.rename(f"{path}.1")
        logs.write(logs.paths[:50])
        exporter.until(lines_total=counted + 50, lost_bytes_total=0, files_skipped=300 - read)
    said = exporter.stderr.read_text()
    assert (f"not read because of max_files ({max_files}): {300 - read} of the files" in said) == (read < 300)
    assert str(logs.paths[read]) in said if read < 300 else "not read" not in said
