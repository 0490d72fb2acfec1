"""All systems on a disk that is full or that the kernel made read-only: nothing is lost, and nothing counted twice."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from ports import free_ports

pytestmark = pytest.mark.e2e

WITHIN_S = 60
PROBLEMS = "tidewatch_checkpoint_problems_total"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(map(str, command[:2]))}: {done.stderr.strip()}")
    return done.stdout.strip()


class SmallDisk:
    """A file system of a few MiB."""

    def __init__(self, folder: Path) -> None:
        self.place, self.image = folder / "disk", folder / "image"
        self.place.mkdir()

    def mount_memory(self):
        run("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", self.place)

    def mount_image(self):
        run("mount", "-o", "loop,errors=remount-ro", self.image, self.place)

    def unmount(self):
        subprocess.run(["umount", self.place], check=False, capture_output=True)

    def break_down(self):
        """As the kernel does with a file system in which it has found a fault."""
        device = Path(run("findmnt", "-n", "-o", "SOURCE", self.place)).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    def repair(self):
        self.unmount()
        subprocess.run(["e2fsck", "-y", self.image], check=False, capture_output=True)
        # Another mount namespace may have it still, that of a test beside this one, and with it the fault.
        self.image = shutil.copyfile(self.image, self.image.with_name("repaired"))
        self.mount_image()

    def fill(self):
        """Leave no room for a byte more."""
        with (self.place / "ballast").open("wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(512)):
                    pass
            except OSError:
                return

    def free(self):
        (self.place / "ballast").unlink()


@pytest.fixture
def disk(tmp_path):
    made = SmallDisk(tmp_path)
    yield made
    made.unmount()


class World:
    """An exporter with a source of each system that keeps counts, and all that is written to it."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.web, self.ingest = free_ports(2)
        self.access, self.host, self.errors = (folder / name for name in ("access.log", "host.json", "errors.tsv"))
        cycle = {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}
        config = {
            "state_dir": str(state),
            "accesslog": [{"source": "s", "paths": [str(self.access)], "format": "tab", "from": "start"}],
            "hosting": [{"source": "s", "logs": [str(self.host)], "cycle": cycle}],
            "releases": [
                {"source": "log", "paths": [str(self.errors)]},
                {"source": "http", "http": f"127.0.0.1:{self.ingest}"},
            ],
        }
        self.config, self.log = folder / "exporter.json", folder / "exporter.log"
        self.config.write_text(json.dumps(config))
        self.written = 0
        self.unsent = []
        self.sent = 0

    def start(self):
        command = [Path(sys.executable).parent / "exporter", "--config.file", self.config, "--log.level", "warn"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*command, "--web.listen-address", f"127.0.0.1:{self.web}"], stderr=log)

    def end(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)

    def write(self, lines=50):
        """Lines to each log, and a batch to the ingest; whether that was acknowledged."""
        numbers = range(self.written, self.written + lines)
        self.written += lines
        with self.access.open("a") as access, self.host.open("a") as host, self.errors.open("a") as errors:
            for number in numbers:
                access.write(f"192.0.2.1\tGET /{number % 3}\t200\t{number}\n")
                time_s = f"2026-01-{number // 1440 + 1:02} {number // 60 % 24:02}:{number % 60:02}:00"
                host.write(json.dumps({"event": "heartbeat", "serverId": 1, "workload": 0.5, "time": time_s}) + "\n")
                errors.write(f"0:00:01\t5.{number % 2}\t{number % 5}\n")
        self.unsent.append("".join(f"0:00:01\t5.{number % 2}\t{number % 5}\n" for number in numbers))
        return self.send()

    def send(self):
        """Send what is not acknowledged yet; whether all is now."""
        while self.unsent and self._post(f"batch-{self.sent}", self.unsent[0]):
            del self.unsent[0]
            self.sent += 1
        return not self.unsent

    def _post(self, key, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.ingest, timeout=WITHIN_S)
        try:
            connection.request("POST", "/ingest", body, {"Idempotency-Key": key})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def metric(self, name, **labels):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=WITHIN_S) as answer:
            samples = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", answer.read().decode(), re.MULTILINE)
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(float(value) for shown, value in samples if wanted <= set(shown.split(",")))

    def counted(self):
        """Of each source."""
        return (
            self.metric("tidewatch_http_requests_total"),
            self.metric("tidewatch_hosting_events_total"),
            self.metric("tidewatch_release_records_total", source="log"),
            self.metric("tidewatch_release_records_total", source="http"),
        )

    def wait_for(self, good):
        deadline = time.monotonic() + WITHIN_S
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                if good():
                    return
            except OSError:
                pass  # it does not listen yet
            time.sleep(0.02)

    def all_counted_once(self):
        self.wait_for(lambda: self.send() and self.counted() == (self.written,) * 4)


@pytest.fixture
def world(tmp_path, disk):
    made = World(tmp_path, disk.place / "state")
    yield made
    if made.process.poll() is None:
        made.end()


def test_a_disk_that_was_full_has_lost_nothing_once_there_is_room(world, disk):
    disk.mount_memory()
    world.start()
    world.write()
    world.all_counted_once()
    disk.fill()
    world.wait_for(lambda: not world.write(1))  # what its own files had room for
    world.wait_for(lambda: world.metric(PROBLEMS, reason="full") > 2)
    world.wait_for(lambda: world.counted()[:3] == (world.written,) * 3)  # it counts on
    disk.free()
    world.all_counted_once()
    disk.fill()
    world.write(1)
    world.end()  # while it is full
    disk.free()
    world.start()
    world.all_counted_once()
    assert world.end(signal.SIGTERM) == 0
    assert "Traceback" not in world.log.read_text()


def test_a_disk_that_became_read_only_has_lost_nothing_once_it_is_repaired(world, disk):
    disk.image.write_bytes(bytes(8 << 20))
    if not shutil.which("mkfs.ext4"):
        pytest.skip("mkfs.ext4 is not installed")
    run("mkfs.ext4", "-q", "-m", "0", disk.image)
    disk.mount_image()
    world.start()
    world.write()
    world.all_counted_once()
    disk.break_down()
    assert not world.write()
    world.wait_for(lambda: world.metric(PROBLEMS, reason="write") > 2)
    world.wait_for(lambda: world.counted()[:3] == (world.written,) * 3)
    world.end()
    world.start()
    assert world.process.wait(WITHIN_S) == 5  # it says what is wrong, and does not count what it could not keep
    assert "Read-only file system" in world.log.read_text()
    disk.repair()
    world.start()
    world.all_counted_once()
    assert world.end(signal.SIGTERM) == 0
    assert "Traceback" not in world.log.read_text()
