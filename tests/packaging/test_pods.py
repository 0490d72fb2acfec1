"""The pods of packaging/kubernetes run on this machine as a kubelet would run them, and count what containers log."""

import contextlib
import os
import re
import signal
import stat
import time
from pathlib import Path

import pytest
from manifests import FOLDER, containers, pods
from node import Container
from pod import ADDRESS, Pod, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.skipif(bool(why_not()), reason=why_not())]
PODS = pods()
LINE = '192.0.2.1 - - [27/Nov/2026:12:00:00 +0000] "GET {} HTTP/1.1" {} 512 "-" "curl/8"'
CONFIGS = {
    "tidewatch-exporter": {"exporter.yml": (FOLDER / "base/exporter.yml").read_text("utf-8")},
    "site-exporter": {"exporter.yml": (FOLDER / "sidecar/exporter.yml").read_text("utf-8")},
}
WITHIN_S = 60  # on a quiet machine one


@contextlib.contextmanager
def kubelets_umask():
    """Let other users read what is written, as on a node."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def umask():
    with kubelets_umask():
        yield


@pytest.fixture
def node(tmp_path):
    """A node outside pytest's folder, which other users cannot enter."""
    for name in ("containers", "pods"):
        (tmp_path / "node/var/log" / name).mkdir(parents=True)
    return tmp_path / "node"


def samples(pod, port=8090):
    status, text = pod.ask(port, "/metrics")
    assert status == 200
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[_sorted(name)] = float(value)
    return found


def _sorted(name):
    """A series with its labels in the order of their names."""
    name, _, labels = name.partition("{")
    return name + "{" + ",".join(sorted(re.findall(r'\w+="[^"]*"', labels))) + "}"


def wait_for(pod, want):
    """The samples, as soon as they contain the expected ones."""
    want = {_sorted(name): value for name, value in want.items()}
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = samples(pod)
        got = {name: found.get(name) for name in want}
        if got == want:
            return found
        assert time.monotonic() < deadline, f"{got} != {want}\n{pod.said()}"


def requests(namespace, app, route, code):
    return (
        f'tidewatch_http_requests_total{{source="nginx",method="GET",route="{route}",code="{code}",'
        f'namespace="{namespace}",app="{app}"}}'
    )


def lines(namespace, container):
    return f'container_log_lines_total{{source="containers",namespace="{namespace}",container="{container}"}}'


def start(pod):
    assert pod.start("state").wait() == 0, pod.said()
    return pod.start("exporter")


def test_the_exporter_of_a_node_counts_each_line_of_its_containers_once(node, tmp_path):
    """Through the kubelet's rotations, a container's restart, kill -9, and the replacement of a pod by another."""
    proxy = Container(node, "kube-proxy-x2x9z", "kube-system", "kube-proxy", 1)
    proxy.write("I1127 12:00:00.000000       1 server.go:1] started", stream="stderr")
    with Pod(PODS["tidewatch-exporter"], node, tmp_path / "first", CONFIGS) as pod:
        start(pod)
        found = wait_for(pod, {lines("kube-system", "kube-proxy"): 1})
        # No container of that name here: that is as it should be.
        assert found['tidewatch_log_readable{source="nginx"}'] == 1
        assert found['tidewatch_log_files_followed{source="nginx"}'] == 0
        web = Container(node, "web-7d9f8c6b5-x2x9z", "shop", "nginx", 2)
        web.write(*[LINE.format("/", 200)] * 100, LINE.format("/" + "a" * 20_000, 404))
        web.write("2026/11/27 12:00:00 [error] 7#7: *1 open() failed", stream="stderr")
        web.rotate()
        web.write(*[LINE.format("/", 200)] * 50)
        wait_for(pod, {requests("shop", "web", "/", 200): 150, lines("shop", "nginx"): 152})
        pod.running["exporter"].send_signal(signal.SIGKILL)
        pod.running["exporter"].wait()
        web.write(*[LINE.format("/", 200)] * 7)
        web.rotate()
        web.write(*[LINE.format("/", 500)] * 3)
        web.rotate()  # the former one is compressed
        web.write(LINE.format("/", 200))
        pod.start("exporter")  # as the kubelet starts it again, in the same pod
        wait_for(pod, {requests("shop", "web", "/", 200): 158, requests("shop", "web", "/", 500): 3})
    web.restart()
    web.write(*[LINE.format("/", 200)] * 2)
    other = Container(node, "web-0", "blog", "nginx", 3)
    other.write(LINE.format("/", 200))
    with Pod(PODS["tidewatch-exporter"], node, tmp_path / "second", CONFIGS) as pod:  # a rollout
        start(pod)
        web.write(*[LINE.format("/", 200)] * 5)
        want = {
            requests("shop", "web", "/", 200): 165,
            requests("shop", "web", "/", 500): 3,
            requests("blog", "web", "/", 200): 1,
            lines("shop", "nginx"): 170,  # 165 and 3, the one of an error, and the long one
            lines("blog", "nginx"): 1,
            lines("kube-system", "kube-proxy"): 1,
        }
        found = wait_for(pod, want)
        assert found['tidewatch_log_readable{source="nginx"}'] == 1
        assert found['tidewatch_log_lost_bytes_total{source="nginx"}'] == 0
        assert found['tidewatch_log_lines_failed_total{reason="format",source="nginx"}'] == 0
        assert found['tidewatch_logs_lines_failed_total{reason="format",source="containers"}'] == 0


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("running")
    with kubelets_umask(), contextlib.ExitStack() as stack:
        for name in ("containers", "pods"):
            (folder / "node/var/log" / name).mkdir(parents=True)
        pod = stack.enter_context(Pod(PODS["tidewatch-exporter"], folder / "node", folder / "pod", CONFIGS))
        start(pod)
        assert pod.ask(8090, "/-/ready")[0] == 200
        yield pod


def test_it_is_not_root_and_has_no_right_that_the_manifest_does_not_give(running):
    process = f"/proc/{running.running['exporter'].pid}"
    status = dict(re.findall(r"^(\w+):[ \t]*(.*)$", Path(process, "status").read_text(), re.MULTILINE))
    assert (status["Uid"].split(), status["Gid"].split(), status["Groups"].split()) == (["10001"] * 4, ["0"] * 4, [])
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    mounts = [line.split() for line in Path(process, "mountinfo").read_text().splitlines()]
    modes = {fields[4]: fields[5].partition(",")[0] for fields in mounts}  # the last one mounted at a path counts
    paths = {mount["mountPath"]: mount for mount in containers(running.spec)["exporter"]["volumeMounts"]}
    assert {path: modes[path] for path in paths} == {
        path: "ro" if mount.get("readOnly") else "rw" for path, mount in paths.items()
    }
    assert {modes[path] for path in ("/", "/etc", "/var/log", "/var/lib")} == {"ro"}
    state = (running.node / "var/lib/tidewatch/state").stat()
    assert (state.st_uid, stat.filemode(state.st_mode)) == (10001, "drwx------")
    assert "component=statefile" not in running.said()  # which would warn of others that may enter it


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        (ADDRESS, f"{ADDRESS}:8090", 200),  # Prometheus
        ("127.0.0.1", "localhost:8090", 200),  # kubectl port-forward
        (ADDRESS, "tidewatch-exporter.tidewatch.svc:8090", 200),
        (ADDRESS, "tidewatch-exporter.example.org:8090", 421),
    ],
)
def test_whom_it_answers(running, address, host, status):
    assert running.ask(8090, "/metrics", address=address, host=host)[0] == status


def test_the_probes_are_answered(running):
    one = containers(PODS["tidewatch-exporter"])["exporter"]
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    asked = [one[key]["httpGet"] for key in one if key.endswith("Probe")]
    assert [running.ask(ports[probe["port"]], probe["path"])[0] for probe in asked] == [200, 200, 200]


def test_the_exporter_beside_an_application_counts_what_it_answers(node, tmp_path):
    with Pod(PODS["site"], node, tmp_path / "pod", CONFIGS) as pod:
        pod.start("exporter")
        assert pod.ask(8090, "/-/healthy")[0] == 200
        pod.start("site")
        got = [pod.ask(8080, path, within_s=0 if path == "/fail" else 60)[0] for path in ("/", "/", "/fail", "/gone")]
        assert got == [200, 200, 500, 404]
        total = 'tidewatch_http_requests_total{{source="site",method="GET",route="{}",code="{}"}}'
        wait_for(pod, {total.format("/", 200): 2, total.format("/fail", 500): 1, total.format("other", 404): 1})
