"""A standalone Spark cluster on loopback: a master and two workers, each a process of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2] / ".tidewatch" / "spark"
QUICK_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
READY_S = 120  # a Java process takes seconds to start, on a busy machine many


def environment() -> dict[str, str]:
    """What a cluster and its drivers have in their environment, beside what is there."""
    scala = next((PACKAGES / "pyspark" / "jars").glob("spark-core_*.jar")).name
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH")))),
        "SPARK_HOME": str(PACKAGES / "pyspark"),
        "SPARK_SCALA_VERSION": scala.split("_")[1].split("-")[0],
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }


class Daemon:
    """A process of the cluster, which says in its log what it listens on."""

    def __init__(self, folder: Path, name: str, *arguments: str, added: Mapping[str, str]) -> None:
        self.log = folder / f"{name}.log"
        command = ["java", "-Xmx256m", *QUICK_JVM.split(), "-cp", added["SPARK_HOME"] + "/jars/*"]
        command += [f"org.apache.spark.deploy.{name.rstrip('0123456789')}", "--host", "127.0.0.1", "--port", "0"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--webui-port", "0", *arguments],
                cwd=folder,
                env=os.environ | added,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def says(self, pattern: str) -> str:
        """Wait for words in the log."""
        late_s = time.monotonic() + READY_S
        while not (found := re.search(pattern, self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < late_s, self.log.read_text()[-2000:]
            time.sleep(0.05)  # a log file gives no event
        return found[0]

    def end(self) -> None:
        """Stop it, and wait until it has."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def standalone(folder: Path) -> Iterator[tuple[str, list[Daemon]]]:
    """The URL of a cluster, ready, and its processes: the master first. It ends with the block."""
    added = environment()
    daemons = [Daemon(folder, "master.Master", added=added)]
    try:
        url = daemons[0].says(r"spark://[\d.:]+")
        room = ("--cores", "1", "--memory", "700m")
        for n in (1, 2):
            place = ("--work-dir", str(folder / str(n)))
            daemons += [Daemon(folder, f"worker.Worker{n}", *room, *place, url, added=added)]
        for worker in daemons[1:]:
            worker.says("Successfully registered")
        yield url, daemons
    finally:
        for daemon in reversed(daemons):
            daemon.end()
