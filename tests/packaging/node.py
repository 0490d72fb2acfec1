"""The folders of a Kubernetes node in which container logs are, and what the runtime and the kubelet do to them."""

import gzip
import os
from datetime import UTC, datetime, timedelta


class Container:
    """One container's log, in CRI's lines: links in /var/log/containers lead to files in /var/log/pods.

    Files are root's, with 0640, as containerd makes them. Rotation: all but the newest of the older ones are compressed
    under a name of their own first, then the log is renamed with the time, and a new one begun.
    """

    def __init__(self, node, pod, namespace, name, number=1):
        self._node, self._number, self._restarts = node, number, 0
        self._called = f"{pod}_{namespace}_{name}"
        self._inside = f"/var/log/pods/{namespace}_{pod}_{number:032x}/{name}"
        self._folder = node / self._inside.lstrip("/")
        self._folder.mkdir(parents=True)
        self._clock = datetime(2026, 11, 27, 12, tzinfo=UTC)
        self._begin()

    def _begin(self):
        self._open()
        (self._node / "var/log/containers").mkdir(exist_ok=True)
        self._link = self._node / f"var/log/containers/{self._called}-{self._number * 1000 + self._restarts:064x}.log"
        self._link.symlink_to(f"{self._inside}/{self._restarts}.log")

    def _open(self):
        self._log = self._folder / f"{self._restarts}.log"
        descriptor = os.open(self._log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o640)
        os.fchmod(descriptor, 0o640)
        os.close(descriptor)

    def write(self, *texts, stream="stdout"):
        """Write a line of the container for each text; a text over 16 KiB is split into partial lines."""
        with self._log.open("a") as log:
            for text in texts:
                *parts, last = [text[at : at + 16_384] for at in range(0, len(text), 16_384)]
                for mark, part in [*(("P", part) for part in parts), ("F", last)]:
                    log.write(f"{self._clock:%Y-%m-%dT%H:%M:%S}.000000001Z {stream} {mark} {part}\n")

    def rotate(self):
        """Rotate as the kubelet does when the log has grown too large."""
        for old in sorted(self._folder.glob(f"{self._restarts}.log.*")):
            if old.suffix != ".gz":
                part = old.with_name(f"{old.name}.tmp")
                part.write_bytes(gzip.compress(old.read_bytes()))
                part.chmod(0o640)
                part.rename(f"{old}.gz")
                old.unlink()
        self._clock += timedelta(minutes=1)
        self._log.rename(f"{self._log}.{self._clock:%Y%m%d-%H%M%S}")
        self._open()

    def restart(self):
        """Replace the container by another one of the pod, with its own log and link; the old ones stay."""
        self._restarts += 1
        self._begin()

    def remove(self):
        """Remove the pod's logs, then the links, in the kubelet's order."""
        for path in self._folder.iterdir():
            path.unlink()
        for link in (self._node / "var/log/containers").glob(f"{self._called}-*.log"):
            link.unlink()
