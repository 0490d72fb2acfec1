"""Runs the containers of a pod on this machine as a kubelet would, without one. Needs root and Linux.

Each has a mount namespace with the pod's volumes at their paths, a root file system that is read-only where the
manifest says so, and the user, groups and capabilities of its security context. All have one network, of which ADDRESS
is the pod's. Not so: the image, whose programs are those of this machine, seccomp, and limits of resources.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
from manifests import ROOT, containers

ADDRESS = "192.0.2.7"
_UNSHARE = ("unshare", "--mount", "--propagation=private", "--")
_HIDDEN = ("/mnt", "/tmp", "/var")
"""Folders that pods mount over, so nothing that is needed may be in them."""
_NETWORK = f"ip link set lo up; ip address add {ADDRESS}/32 dev lo; echo; exec sleep infinity"
_ASK = """
import http.client, json, sys, time
given = json.load(sys.stdin)
end = time.monotonic() + given["within_s"]
while True:
    try:
        asked = http.client.HTTPConnection(given["address"], given["port"], timeout=20)
        asked.request("GET", given["path"], headers={"Host": given["host"]})
        got = asked.getresponse()
        body = got.read().decode()
        if got.status < 500 or time.monotonic() > end:
            json.dump([got.status, body], sys.stdout)
            break
    except OSError:
        if time.monotonic() > end:
            raise
    time.sleep(0.02)
"""


def why_not():
    """Why no pod can be run here; empty if one can."""
    if os.geteuid() != 0:
        return "needs root"
    if missing := [tool for tool in ("unshare", "nsenter", "setpriv", "mount", "ip") if not shutil.which(tool)]:
        return f"{missing[0]} is not on PATH"
    if hidden := [path for path in _needed() if str(path).startswith(_HIDDEN)]:
        return f"{hidden[0]} is where a pod has a volume"
    if private := [
        path for path in (ROOT / "exporter/cli.py", Path(click.__file__)) if not path.stat().st_mode & 0o004
    ]:
        return f"only its owner may read {private[0]}"
    script = "ip link set lo up && mount -t tmpfs tmpfs /tmp && mount -o remount,bind,ro /"
    tried = subprocess.run([*_UNSHARE, "unshare", "--net", "sh", "-c", script], capture_output=True, check=False)
    return "no namespaces can be made here" if tried.returncode else ""


def _needed():
    """Folders of this machine that the programs read: Python, the environment, the code."""
    return (Path(sys.executable).resolve().parents[1], Path(sys.prefix), ROOT)


class Pod:
    """The pod of a specification, on a node whose folders are below `node`; use it as a context manager.

    Volumes that live as long as the pod are below `folder`. `configs` has files by the name of their ConfigMap.
    """

    def __init__(self, spec, node, folder, configs, namespace="tidewatch"):
        self.spec, self.node, self.folder, self.namespace = spec, node, folder, namespace
        folder.mkdir()
        self.volumes = {volume["name"]: self._volume(volume, configs) for volume in spec["volumes"]}
        self.running = {}

    def __enter__(self):
        command = ["unshare", "--net", "--", "sh", "-euc", _NETWORK]
        self._network = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._network.stdout.readline() == b"\n"
        return self

    def __exit__(self, *_):
        for process in (*self.running.values(), self._network):
            process.kill()
            process.wait()
        self._network.stdout.close()

    def _volume(self, volume, configs):
        if "hostPath" in volume:
            path = self.node / volume["hostPath"]["path"].lstrip("/")
            if volume["hostPath"]["type"] == "DirectoryOrCreate" and not path.exists():
                path.mkdir(parents=True, mode=0o755)
            assert path.is_dir()
            return path
        path = self.folder / volume["name"]
        path.mkdir()
        if "configMap" in volume:
            for name, text in configs[volume["configMap"]["name"]].items():
                (path / name).write_text(text)
            return path
        os.chown(path, 0, self.spec["securityContext"].get("fsGroup", 0))
        path.chmod(0o2777)
        return path

    def start(self, name):
        """Start a container; the process is the program itself."""
        one = containers(self.spec)[name]
        context = self.spec["securityContext"] | one["securityContext"]
        words = [text.replace("$(POD_NAMESPACE)", self.namespace) for text in (*one["command"], *one.get("args", ()))]
        with (self.folder / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                [
                    *(*self._in_network(), *_UNSHARE, "sh", "-euc", self._mounts(one, context), "sh"),
                    *(*self._privileges(context), *words),
                ],
                env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=output,
            )
        return self.running[name]

    def ask(self, port, path, *, address=ADDRESS, host=None, within_s=60):
        """The status and the body of the first answer that is not a server error."""
        given = {"address": address, "port": port, "path": path, "host": host or f"{address}:{port}"}
        got = subprocess.run(
            [*self._in_network(), sys.executable, "-Ic", _ASK],
            input=json.dumps(given | {"within_s": within_s}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert got.returncode == 0, got.stderr + self.said()
        return tuple(json.loads(got.stdout))

    def said(self):
        """The output of the containers."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _in_network(self):
        return ("nsenter", f"--net=/proc/{self._network.pid}/ns/net", "--")

    def _privileges(self, context):
        groups = context.get("fsGroup")
        added = "".join(f",+{name.lower()}" for name in context["capabilities"].get("add", ()))
        assert context["capabilities"]["drop"] == ["ALL"]
        return (
            *("setpriv", f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}"),
            *((f"--groups={groups}",) if groups else ("--clear-groups",)),
            *(f"--bounding-set=-all{added}", "--inh-caps=-all", "--no-new-privs", "--"),
        )

    def _mounts(self, one, context):
        """A script that mounts volumes in /mnt, as the pod's paths hide those of this machine, and then in place."""
        lines = ["mkdir -p /mnt; mount -t tmpfs tmpfs /mnt; mkdir /mnt/own", *self._reachable()]
        for mount in one["volumeMounts"]:
            aside = f"/mnt/own/{mount['name']}"
            lines.append(f"mkdir {aside}; mount --bind {self.volumes[mount['name']]} {aside}")
        lines += ["cp -a /etc /mnt/etc; mount --bind /mnt/etc /etc"]
        lines += ["for top in /var/log /var/lib; do mount -t tmpfs -o mode=755 tmpfs $top; done"]
        for mount in one["volumeMounts"]:
            path = mount["mountPath"]
            lines.append(f"mkdir -p {path}; mount --bind /mnt/own/{mount['name']} {path}")
            if mount.get("readOnly"):
                lines.append(f"mount -o remount,bind,ro {path}")
        lines += ["cd /; umount --lazy --recursive /mnt"]
        if context["readOnlyRootFilesystem"]:
            lines += ["for top in / /etc /var/log /var/lib; do mount -o remount,bind,ro $top; done"]
        return "\n".join([*lines, 'exec "$@"'])

    def _reachable(self):
        """Lines that let another user read what the programs need, for example a Python in root's home folder."""
        for number, top in enumerate(
            dict.fromkeys(top for path in _needed() for top in path.parents if not top.stat().st_mode & 0o001)
        ):
            aside = f"/mnt/way-{number}"
            yield f"mkdir {aside}; mount --rbind {top} {aside}; mount -t tmpfs -o mode=755 tmpfs {top}"
            for name in dict.fromkeys(path.relative_to(top).parts[0] for path in _needed() if top in path.parents):
                yield f"mkdir {top}/{name}; mount --rbind {aside}/{name} {top}/{name}"
