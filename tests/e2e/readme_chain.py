"""The README's chain, run as it is written there, from an empty folder and without root's rights."""

import os
import re
import socket
import subprocess
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""What takes root's rights from root, who stays able to read the interpreter."""
LOG = "/var/log/nginx/access.log"
LINES = "".join(
    f'192.0.2.1 - - [26/Nov/2026:05:06:{s:02} +0000] "GET /users/{s} HTTP/1.1" 200 12 "-" "curl/8.0"\n'
    for s in range(40)
)


def chain() -> str:
    """The commands, without the installation."""
    section = README.read_text().partition("## Your own log, in ten minutes")[2]
    match = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert match is not None
    return "".join(line for line in match[1].splitlines(keepends=True) if not line.startswith("pip install"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def holds(programs: Path, folder: Path) -> None:
    """Run it with the programs of a folder, in an empty folder below the other one, and assert what it says."""
    log, home = folder / "access.log", folder / "home"
    log.write_text(LINES)
    home.mkdir()
    script = chain()
    assert LOG in script
    port = free_port()  # somebody else may have 8090
    daemon = "exporter --config.file exporter.yml &"
    assert daemon in script
    script = script.replace(LOG, str(log)).replace("127.0.0.1:8090", f"127.0.0.1:{port}")
    script = script.replace(daemon, daemon.replace("&", f"--web.listen-address 127.0.0.1:{port} &"))
    done = subprocess.run(
        [*(WITHOUT_RIGHTS if os.geteuid() == 0 else ()), "bash", "-ec", f"{script}\nkill %1; wait %1 || true"],
        cwd=home,
        env={
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(home),
            "STATE_DIRECTORY": str(home / "state"),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    route = 'source="access",method="GET",route="/users/{id}",code="200"'
    assert f"feeds    tidewatch_http_requests_total{{{route}}} +1" in done.stdout
    assert "exporter.yml: ok (accesslog 1)\n" in done.stdout
    assert f"\ntidewatch_http_requests_total{{{route}}} 40" in done.stdout
    assert sorted(path.name for path in home.iterdir()) == ["exporter.yml", "state"]
    assert "exporter.yml: written" in done.stderr
    assert "level=warn" not in done.stderr
    assert "leaked" not in done.stderr  # what DuckDB says at exit where something of it is left
