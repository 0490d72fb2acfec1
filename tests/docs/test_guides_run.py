"""Pages that start, kill and starve servers run as they are written, each in a network and processes of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from blocks import blocks
from sandbox import holds

PAGES = {
    "docs/how-to/behind-nginx.md": ("nginx", "openssl"),
    "docs/how-to/recover.md": ("faketime",),
    "docs/how-to/tune-alerts.md": ("promtool", "amtool", "prometheus-alertmanager"),
    "docs/tutorials/access-log-qps.md": (),
    "docs/tutorials/first-ten-minutes.md": (),
    "docs/tutorials/website.md": ("file",),
}
"""Page: programs that it needs beside ours."""
APART = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-nmp", "--fork", "--kill-child", "--mount-proc"]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        subprocess.run([*APART, "ip", "link", "set", "lo", "up"], check=False, capture_output=True).returncode != 0
        if shutil.which("unshare")
        else True,
        reason="no network namespace can be made here (unshare -n)",
    ),
]


def script(page):
    """The page's commands; each block's output goes to a file of its number, and the first that fails ends all."""
    lines = ["set -e", "ip link set lo up", "umask 077"]  # the strictest that a reader's shell may have
    for number, block in enumerate(page):
        if block.is_run:
            lines.append(f"{{ :\n{block.text}\n}} > ../{number}.out 2>&1")
    return "\n".join([*lines, "kill $(jobs -p) || true", "wait", ""])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_run_as_written(page):
    absent = [name for name in PAGES[page] if shutil.which(name) is None]
    if absent:
        pytest.skip(f"not here: {', '.join(absent)}")
    with tempfile.TemporaryDirectory() as made:
        held(page, Path(made))


def held(page, above):
    """Runs the page in a folder below `above`, and compares what it printed with what it shows."""
    folder = above / "try"
    folder.mkdir(mode=0o700)
    above.chmod(0o755)  # nginx reads its files as another user, for whom the page must open its own folder
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    env = {"PATH": path, "HOME": str(above), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
    found = blocks(page)
    with (above / "bash.out").open("wb") as out:
        run = subprocess.run(
            [*APART, "bash", "-c", script(found)], cwd=folder, env=env, stdout=out, stderr=out, timeout=220, check=False
        )
    printed = {int(file.stem): file.read_text() for file in above.glob("[0-9]*.out")}
    last = max(printed, default=0)
    assert run.returncode == 0, f"{found[last].where}: exit code {run.returncode}\n{printed.get(last)}"
    for number, block in enumerate(found):
        if "output" in block.notes:
            real = printed[number - 1].replace(str(folder), "/srv/try")
            assert holds(block, real), f"{block.where} shows\n{block.text}\nand it printed\n{real}"
