"""The hosting report of long logs: wall and processor seconds and the largest resident memory, in every order and form.

    python tests/bench/bench_hosting_report.py                    # 1 and 20 million lines, and logs that are not kind
    python tests/bench/bench_hosting_report.py --lines 1000000 --only kind

Each row is a new process, `exporter hosting report --format json`. Processor seconds and memory are of the command
with all its processes and threads, so they can be compared also where the machine has other work; the load average says
how much that was. The peer is DuckDB that only reads the JSON, in the same run: it checks and accounts nothing.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

START_S = 1455494400
DAYS = 28
TEXT = f"make_timestamp(({START_S} + %s) * 1000000)"
LINES = {
    "task": {
        "beat": '{"event": "heartbeat", "serverId": $S, "workload": $W, "time": "$T"}',
        "create": '{"event": "createAccount", "accountId": $A, "accountName": "Customer $A", "time": "$T"}',
        "route": '{"event": "route", "accountId": $A, "serverId": $S, "time": "$T"}',
    },
    "no layout": {  # the parser reads each line: fields that differ in their spelling
        "beat": '{"event": "heartbeat", "note": "$T", "serverId": $S, "workload": $W, "time": "$T"}',
        "create": '{"event": "createAccount", "accountId": $A, "accountName": "Customer $A", "time": "$T"}',
        "route": '{"event": "route", "note": "$T", "accountId": $A, "serverId": $S, "time": "$T"}',
    },
    "csv": {
        "beat": "heartbeat,$T,$S,,,$W",
        "create": "createAccount,$T,,$A,Customer $A,",
        "route": "route,$T,$S,$A,,",
    },
}
HEAD = {"csv": "event,time,serverId,accountId,accountName,workload\n"}


class Host(NamedTuple):
    """A host whose log has about so many lines: servers log every minute, the rest are routes."""

    lines: int
    accounts: int = 20_000
    servers: int | None = None  # None: as many as fill DAYS
    order: str = "time"
    form: str = "task"
    files: int = 1

    @property
    def fleet(self) -> int:
        return self.servers or max(4, round(0.95 * self.lines / (DAYS * 1440)))


class Took(NamedTuple):
    wall_s: float
    processor_s: float
    peak_mib: int


def write(host: Host, folder: Path) -> list[Path]:
    """The log: a server is overloaded for a quarter of an hour in four days, and silent for ten minutes in nine."""
    minutes = min(DAYS * 1440, round(0.95 * host.lines / host.fleet))
    routes = max(host.accounts, host.lines - host.fleet * minutes)
    source = f"""
        SELECT 60 * m AS t, 1 AS kind, 0 AS account, s AS server,
            CASE WHEN hash(s, m // 15) % 384 = 0 THEN 1.001 + random() ELSE 0.3 + 0.69 * random() END AS workload
        FROM range({minutes}) minutes(m), range(1, {host.fleet} + 1) servers(s)
        WHERE hash(s, m // 10, 1) % 1296 <> 0
        UNION ALL
        SELECT CAST(random() * {20 * minutes} AS BIGINT), 0, a, 0, 0 FROM range({host.accounts}) accounts(a)
        UNION ALL
        SELECT CAST(random() * {60 * minutes - 60} AS BIGINT), 2, n % {host.accounts},
            1 + CAST(random() * {host.fleet - 1} AS BIGINT), 0 FROM range({routes}) routes(n)
    """
    texts = [_line(LINES[host.form][name]) for name in ("create", "beat", "route")]
    line = f"CASE kind WHEN 0 THEN {texts[0]} WHEN 1 THEN {texts[1]} ELSE {texts[2]} END"
    order = "t, kind" if host.order == "time" else "random()"
    paths = [folder / f"log-{nth}" for nth in range(host.files)]
    for nth, path in enumerate(paths):
        mine = f"(server + account) % {host.files} = {nth}"
        query = (
            f"COPY (SELECT {line} FROM ({source}) WHERE {mine} ORDER BY {order}) TO '{path}'"
            " (FORMAT csv, QUOTE '', ESCAPE '', DELIMITER '\x01', HEADER false)"
        )
        _in_duckdb(f"SET memory_limit = '6GiB'; SET temp_directory = '{folder}'; SELECT setseed(0.5); {query}")
        if host.form in HEAD:
            head = path.with_suffix(".head")
            head.write_text(HEAD[host.form])
            with head.open("ab") as out, path.open("rb") as rows:
                shutil.copyfileobj(rows, out)
            head.replace(path)
        if host.files > 1:
            packed = path.with_suffix(".gz")
            with path.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as out:
                shutil.copyfileobj(plain, out)
            path.unlink()
            paths[nth] = packed
    return paths


def _line(template: str) -> str:
    """The template as an expression of SQL."""
    cells = {
        "$S": "server",
        "$A": "account",
        "$W": "printf('%.3f', workload)",
        "$T": f"strftime({TEXT % 't'}, '%Y-%m-%d %H:%M:%S')",
    }
    text = "'" + template.replace("'", "''") + "'"
    for name, cell in cells.items():
        text = text.replace(name, f"' || {cell} || '")
    return text


WATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Starts a command from a small process: it counts the memory of whoever starts it as its own."""


def measure(command: list[str]) -> Took:
    """A command to its end; its children count."""
    said = subprocess.run([sys.executable, "-c", WATCH, *command], stdout=subprocess.PIPE, check=True).stdout.split()
    if int(said[3]):
        raise SystemExit(f"{' '.join(command[:4])} ... ended with {int(said[3])}")
    return Took(float(said[0]), float(said[1]), int(said[2]) >> 10)


def _in_duckdb(query: str) -> None:
    subprocess.run(
        [sys.executable, "-c", "import duckdb, sys; duckdb.execute(sys.stdin.read())"],
        input=query,
        text=True,
        check=True,
    )


def report(paths: list[Path]) -> Took:
    script = Path(sys.executable).with_name("exporter")
    return measure([str(script), "hosting", "report", *map(str, paths), "--format", "json"])


def peer(paths: list[Path]) -> Took:
    columns = "{event: 'VARCHAR', serverId: 'BIGINT', accountId: 'BIGINT', workload: 'DOUBLE', time: 'TIMESTAMP'}"
    query = f"SELECT event, count(*), max(time), max(workload) FROM read_json({[str(one) for one in paths]}, "
    query += f"columns = {columns}, format = 'newline_delimited') GROUP BY event"
    return measure([sys.executable, "-c", f"import duckdb; duckdb.sql({query!r}).fetchall()"])


def count(paths: list[Path]) -> int:
    return sum(
        chunk.count(b"\n")
        for path in paths
        for file in [gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")]
        for chunk in iter(lambda file=file: file.read(1 << 22), b"")
    )


def row(what: str, lines: int, took: Took) -> None:
    each_us = 1e6 * took.processor_s / lines
    load = os.getloadavg()[0]
    print(
        f"| {what} | {lines:,} | {took.wall_s:.1f} | {took.processor_s:.1f} | {each_us:.2f} | {took.peak_mib} |"
        f" {load:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 20_000_000])
    parser.add_argument("--only", choices=["kind", "unkind"])
    parser.add_argument("--unkind-lines", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, help="for the logs: 90 bytes a line  [default: a temporary one]")
    options = parser.parse_args()
    kind = [Host(lines, order=order) for lines in options.lines for order in ("time", "no")]
    some = options.unkind_lines
    unkind = {
        "200,000 accounts": Host(some, accounts=200_000),
        "100 accounts": Host(some, accounts=100),
        "10,000 servers": Host(some, servers=10_000),
        "9 lines of 10 are routes": Host(some, servers=max(1, some // 400_000)),
        "8 gzip files": Host(some, files=8),
        "each line read by the parser": Host(some, form="no layout"),
        "CSV": Host(some, form="csv"),
    }
    print(f"{len(os.sched_getaffinity(0))} cores")
    print("| log | lines | wall s | processor s | us a line | peak MiB | load |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        hosts = [(f"in {one.order} order", one) for one in kind] if options.only != "unkind" else []
        hosts += unkind.items() if options.only != "kind" else []
        for what, host in hosts:
            paths = write(host, Path(folder))
            lines = count(paths)
            row(what, lines, report(paths))
            if host in kind:
                row("DuckDB, only reading", lines, peer(paths))
            for path in paths:
                path.unlink()


if __name__ == "__main__":
    main()
