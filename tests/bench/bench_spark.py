"""Reports with `--engine spark` on a cluster of a master and two workers on loopback, beside the default engine.

Each is a command of its own, with its start. Both engines' reports have to be equal, byte by byte. Processor seconds of
Spark are those of the driver, the workers and the executors. After a size that took Spark over two minutes, the larger
ones of that system are left out. Needs Java 17, and PySpark where `make spark` puts it.

    python tests/bench/bench_spark.py                      # 10,000, 100,000 and 1,000,000 lines
    python tests/bench/bench_spark.py stores --lines 10000
"""

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_releases import write_file

from trafficgen.feeds import hosting, stores
from trafficgen.feeds.hosting_world import Settings
from trafficgen.feeds.hosting_world import World as Host
from trafficgen.feeds.stores_world import World

sys.path.append(str(Path(__file__).parents[1] / "exporter"))
from spark_cluster import PACKAGES, QUICK_JVM, Daemon, environment, standalone

TOO_LONG_S = 120
GIVE_UP_S = 400
START_S = 1_706_745_600  # 2024-02-01
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
TICKS = os.sysconf("SC_CLK_TCK")
EXPORTER = Path(sys.executable).with_name("exporter")
SETTINGS = {
    "spark.sql.shuffle.partitions": "4",  # the default of 200 is for clusters with more than two cores
    "spark.executor.memory": "600m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": QUICK_JVM,
    "spark.executor.extraJavaOptions": QUICK_JVM,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def hosting_report(folder: Path, lines: int) -> list[str | Path]:
    """The arguments of a report on a log of about that many lines."""
    hosting.write_at_once(Host(Settings(start_s=START_S, minutes=round(lines / 4.25))), folder, shuffle=False)
    return ["hosting", "report", folder / "logs.json", "--format", "json"]


def stores_report(folder: Path, lines: int) -> list[str | Path]:
    """As many polls, hourly over a week."""
    stores.write_all(folder, World(1, lines // 150, START_S), 7 * 24)
    database = ("--database", folder / "stores.duckdb")
    files = {"timezones": "timezones", "hours": "menu_hours", "status": "store_status"}
    given = [word for name, file in files.items() for word in (f"--{name}", folder / f"{file}.csv")]
    subprocess.run([EXPORTER, "stores", "load", *database, *given], check=True, capture_output=True)
    return ["stores", "report", *database]


def releases_report(folder: Path, lines: int) -> list[str | Path]:
    """As many errors, 40 a second."""
    write_file(folder / "errors.tsv", lines, 40)
    return ["releases", "report", folder / "errors.tsv", "--format", "json"]


SYSTEMS = {"hosting": hosting_report, "stores": stores_report, "releases": releases_report}


def spent_s(daemons: list[Daemon]) -> float:
    """Processor seconds of all ended children, and of the cluster's processes with those that they waited for."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:  # what executors left behind came to this process
                break
        except ChildProcessError:
            break
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    stats = (Path(f"/proc/{d.process.pid}/stat").read_text().rpartition(")")[2].split() for d in daemons)
    return ended.ru_utime + ended.ru_stime + sum(sum(map(int, stat[11:15])) for stat in stats) / TICKS


def timed(command: list[str | Path], daemons: list[Daemon], added: dict[str, str]) -> tuple[bytes, float, float]:
    """The report, and its wall and processor seconds."""
    before, began = spent_s(daemons), time.perf_counter()
    done = subprocess.run(command, env=os.environ | added, capture_output=True, timeout=GIVE_UP_S, check=False)
    wall_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command}: status {done.returncode}\n{done.stderr.decode()[-2000:]}")
    if daemons:
        time.sleep(1)  # executors end after their driver, and only the kernel knows when
    return done.stdout, wall_s, spent_s(daemons) - before


def on_spark(url: str) -> dict[str, str]:
    """The environment in which the command is a driver of that cluster, as under spark-submit."""
    words = [word for name, value in SETTINGS.items() for word in ("--conf", f"'{name}={value}'")]
    submit = f"--master {url} {' '.join(words)} pyspark-shell"
    return environment() | {"SPARK_ENV_LOADED": "1", "PYSPARK_SUBMIT_ARGS": submit}


def compare(name: str, lines: int, url: str, daemons: list[Daemon]) -> float:
    """One row of the table; the wall seconds of Spark."""
    with tempfile.TemporaryDirectory() as folder:
        command = [EXPORTER, *SYSTEMS[name](Path(folder), lines)]
        want, own_s, own_processor_s = timed(command, [], {})
        row = f"| {name} | {lines:,} | {own_s:.1f} | {own_processor_s:.1f} "
        try:
            got, wall_s, processor_s = timed([*command, "--engine", "spark"], daemons, on_spark(url))
        except subprocess.TimeoutExpired:
            print(f"{row}| over {GIVE_UP_S} | - | - |", flush=True)
            return GIVE_UP_S
        if got != want:
            raise SystemExit(f"{name}, {lines} lines: the engines' reports differ")
    print(f"{row}| {wall_s:.1f} | {processor_s:.1f} | {wall_s / own_s:.1f} |", flush=True)
    return wall_s


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("systems", nargs="*", choices=[*SYSTEMS, []], default=[*SYSTEMS])
    options = parser.parse_args()
    if not PACKAGES.is_dir():
        print("PySpark is not in .tidewatch/spark: `make spark` installs it")
        return
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder, standalone(Path(folder)) as (url, daemons):
        print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
        print("| report | lines | wall s | processor s | wall s, Spark | processor s, Spark | wall, times |")
        print("|---|---|---|---|---|---|---|")
        for name in options.systems:
            for lines in options.lines:
                if compare(name, lines, url, daemons) > TOO_LONG_S:
                    break


if __name__ == "__main__":
    main()
