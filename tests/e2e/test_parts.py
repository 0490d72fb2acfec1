"""Five generators send the parts of one plan to the real time server, which counts what the merged report says.

Once as processes on loopback, once each in a network namespace of its own, with addresses that exist nowhere else.
"""

import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import pytest
from ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PARTS = 5
BIN = Path(sys.executable).parent
PLAN = [
    "--pattern", "steps:rates=100/300/50,every=2s", "--duration", "6s", "--seed", "11",
    "--mix", "/=80,/fail=15,/missing=5",
]  # fmt: skip
START_IN_S = (10, 30, 90)  # five programs begin meanwhile, on a busy machine not at the first try


@contextlib.contextmanager
def serving(log, *, host="127.0.0.1", within=()):
    """A time server that writes JSON lines. Yields its URL."""
    (port,) = free_ports(1)
    command = [*within, BIN / "timeserver", "--host", host, "--port", str(port), "--access-log", log]
    server = subprocess.Popen(
        [*command, "--log-format", "json", "--web.allowed-host", host], stderr=subprocess.PIPE, text=True
    )
    try:
        for line in server.stderr:
            if "serving on" in line:
                break
        yield f"http://{host}:{port}/"
    finally:
        server.terminate()
        server.communicate(timeout=30)


def send(folder, url, within, start_at):
    """Send all parts at once. Returns the merged report; None if not all of them had begun by then."""
    started = [
        subprocess.Popen(
            [
                *within(part), BIN / "trafficgen", "--url", url, *PLAN, "--part", f"{part}/{PARTS}", "--start-at",
                str(start_at), "--report", "json", "--output", folder / f"part-{part}.json", "--metrics-address", "off",
                "--allow-public",
            ]
        )
        for part in range(1, PARTS + 1)
    ]  # fmt: skip
    codes = {process.wait(120) for process in started}
    if 2 in codes:
        return None
    assert codes <= {0, 4}  # 4: a busy machine made one of them late
    command = [BIN / "trafficgen", "merge", *sorted(folder.glob("part-*.json")), "--report", "json"]
    merged = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert merged.returncode in {0, 4}, merged.stderr
    return json.loads(merged.stdout)


def sent(folder, *, host="127.0.0.1", within=lambda _number: ()):
    """The merged report, and what the server logged: both agree. `within`: where part n runs, and the server (0)."""
    for wait_s in START_IN_S:
        log, start_at = folder / f"access-{wait_s}.log", int(time.time()) + wait_s
        with serving(log, host=host, within=within(0)) as url:
            report = send(folder, url, within, start_at)
        if report is not None:
            requests = [json.loads(line) for line in log.read_text().splitlines()]
            judge(report, start_at, requests)
            return report, requests
    pytest.fail(f"five programs did not begin within {START_IN_S[-1]} s")


def planned_by_second():
    told = subprocess.run(
        [BIN / "trafficgen", "plan", *PLAN], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return [int(line.split(",")[2]) for line in told.splitlines()[1:]]


def judge(report, start_at, requests):
    """What the server has counted is what the parts sent, and comes in the shape of the one plan."""
    planned = planned_by_second()
    assert planned == [100, 100, 300, 300, 50, 50]
    assert (report["planned"], report["missing"], report["no_answer"]) == (sum(planned), [], {})
    assert len(requests) == report["sent"] == report["planned"] - sum(report["dropped"].values())
    assert Counter(str(r["status"]) for r in requests) == report["codes"]
    came = Counter(math.floor(datetime.fromisoformat(r["time"]).timestamp() - start_at) for r in requests)
    assert min(came) >= 0
    if report["dropped"]:
        return  # what a crowded machine never sent has no time
    # no request comes before it is due, or after its answer
    late = math.ceil(report["latency_from_plan_s"]["max"])
    due, seen = list(accumulate(planned)), list(accumulate(came[n] for n in range(len(planned) + late)))
    for second, count in enumerate(due):
        assert seen[second] <= count
        assert seen[second + late] >= count


def test_five_processes_send_the_one_plan(tmp_path):
    report, _ = sent(tmp_path)
    assert [part["part"] for part in report["merged"]] == [1, 2, 3, 4, 5]
    assert {part["planned"] for part in report["merged"]} == {180}


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=30)


def why_no_namespaces():
    """Why this machine cannot make them; empty if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    name = f"twtry{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "add", "bridge0", "type", "bridge")
    except subprocess.CalledProcessError as exc:
        return f"network namespaces are not allowed here: {exc.stderr.strip()}"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=30)
    return ""


@pytest.fixture
def network():
    """A server's namespace with a bridge, and one for each part; their addresses are in 192.0.2.0/24."""
    if why := why_no_namespaces():
        pytest.skip(why)
    names = [f"tw{os.getpid()}n{number}" for number in range(PARTS + 1)]
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        server = names[0]
        ip("-n", server, "link", "add", "bridge0", "type", "bridge")
        ip("-n", server, "addr", "add", "192.0.2.1/24", "dev", "bridge0")
        ip("-n", server, "link", "set", "bridge0", "up")
        for number, name in enumerate(names[1:], 1):
            ip("-n", server, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", server, "link", "set", f"to{number}", "master", "bridge0", "up")
            ip("-n", name, "addr", "add", f"192.0.2.{number + 10}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=30)


def test_five_machines_send_the_one_plan(tmp_path, network):
    report, requests = sent(tmp_path, host="192.0.2.1", within=lambda number: ("ip", "netns", "exec", network[number]))
    assert list(report["addresses"]) == ["192.0.2.1"]
    assert {request["ip"] for request in requests} == {f"192.0.2.{part + 10}" for part in range(1, PARTS + 1)}
