"""Runs the commands of a page in its order, in one shell, in a folder of its own.

The page's words stay as they are but for three kinds: absolute paths lie below the folder, the standard ports become
free ones, and runs that last end soon. Servers that the page starts in the foreground go on behind its next commands,
and end with the page.
"""

import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Self

from blocks import OTHER_FIGURES, ROOT, Block
from ports import free_ports
from shell import commands

BIN = Path(sys.executable).parent
STANDARD_PORTS = (3000, 8000, 8080, 8081, 8090, 8094, 8095, 8096, 9090, 9093)
BEFORE = Path(__file__).parent / "before"
"""What a page finds there is made by the script of its name, README.md.sh or docs/stats.md.sh, in the page's folder."""
SHOWN_FOLDER = "/srv/try"
"""What pages show as the folder that they are followed in."""
_DATE = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9]\b")
_ROOTED = re.compile(r"(?<![\w$}.~/-])/(?=(?:var|etc|srv|run|opt|logs)/)")
_PORT = re.compile(rf"(127\.0\.0\.1[: ]|localhost:|--port )({'|'.join(map(str, STANDARD_PORTS))})\b")
SOON = {r"(?<=--duration )\w+": "2s", r"(?<=--interval )\d+": "1", r"(?<=--rps )\d+": "50", r"(?<=--delta_t )\d+": "1"}
_MOST_S = 200

_PROGRAM = """#!/bin/bash
# {name}: servers are started in the background, with a port of this test's, and waited for; what follows a log without
# an end is interrupted.
real={real}
pidfile="$SANDBOX/.{name}.pid"
end() {{
  [ -e "$pidfile" ] || return 0
  pid=$(cat "$pidfile"); rm "$pidfile"; kill "$pid" || true
  while kill -0 "$pid" 2>&-; do sleep 0.05; done
}}
serve() {{ # port, words
  end
  port=$1; shift
  "$real" "$@" >>"$SANDBOX/servers.log" 2>&1 & pid=$!
  echo $pid > "$pidfile"
  for n in {{1..300}}; do
    (exec 3<>/dev/tcp/127.0.0.1/$port) 2>&- && exit 0
    kill -0 $pid 2>&- || break
    sleep 0.1
  done
  cat "$SANDBOX/servers.log" >&2; exit 1
}}
case " $* " in
  {cases}
esac
exec "$real" "$@"
"""
_ENDLESS = 'timeout -s INT 3 "$real" "$@"; code=$?; case $code in 0|124|130) exit 0;; *) exit $code;; esac ;;'
_LINE = '192.0.2.1 - - [26/Nov/2026:05:{:02}:{:02} +0000] "GET {} HTTP/1.1" {} {} "-" "curl/8.0"\n'
ACCESS_LOG = "".join(
    _LINE.format(*divmod(n, 60), *(("/missing", 404) if n % 100 == 0 else (f"/users/{n}" if n % 2 else "/", 200)), n)
    for n in range(1000)
)
"""What /var/log/nginx/access.log holds for every page: / 490 times, /users/{id} 500 times, ten 404s of /missing."""
_PIP = """#!/bin/bash
# pip: what a page installs is installed; an extra that there is not is an error.
for word in "$@"; do case "$word" in
  .\\[*) for extra in $(tr -d '.[]' <<<"$word" | tr , ' '); do
    grep -q "^$extra = \\[" {pyproject} || {{ echo "no extra $extra" >&2; exit 1; }}; done ;;
esac; done
"""


class Sandbox:
    """One page's folder. Use as a context manager: the page's processes end with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(map(str, STANDARD_PORTS), map(str, free_ports(len(STANDARD_PORTS))), strict=True))
        self.work = folder / "work"
        self.path = f"{folder}/bin:{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        for name in ("work", "home", "bin", "tmp", "var/log/nginx", "etc/tidewatch", "run"):
            (folder / name).mkdir(parents=True)
        (folder / "var/log/nginx/access.log").write_text(ACCESS_LOG)
        self._programs()

    def _programs(self) -> None:
        own = self.ports
        self._ours(
            "exporter",
            f"""" --"*config.file*) serve {own["8090"]} "$@" --web.listen-address 127.0.0.1:{own["8090"]} ;;""",
            f"""" stores serve "*) serve {own["8081"]} "$@" --port {own["8081"]} ;;""",
            """" routes "*|" backfill "*) end ;;""",
            """*" --once "*) ;;""",
            f"""" qps "*) {_ENDLESS}""",
        )
        self._ours("timeserver", f"""*) serve {own["8080"]} "$@" ;;""")
        self._ours("trafficgen", """*" --speed max "*) ;;""", f"""" feed "*" --speed "*) {_ENDLESS}""")
        if shutil.which("jq") is None:
            self._program("jq", "#!/bin/sh\ncat\n")  # what comes before it is what is tested
        self._program("pip", _PIP.format(pyproject=ROOT / "pyproject.toml"))

    def _ours(self, name: str, *cases: str) -> None:
        self._program(name, _PROGRAM.format(name=name, real=BIN / name, cases="\n  ".join(cases)))

    def _program(self, name: str, text: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def here(self, text: str) -> str:
        """A page's text with this folder's paths and ports."""
        text = _ROOTED.sub(f"{self.folder}/", text)
        text = _PORT.sub(lambda found: found[1] + self.ports[found[2]], text)
        for pattern, soon in SOON.items():
            text = re.sub(pattern, soon, text)
        return text

    def there(self, text: str) -> str:
        """What was printed, with the paths and ports of the page."""
        text = text.replace(str(self.work), SHOWN_FOLDER).replace(f"{self.folder}/", "/")
        for standard, own in self.ports.items():
            text = text.replace(f":{own}", f":{standard}")
        return text

    def run(self, page: list[Block]) -> list[str]:
        """What each block printed, on both streams; of a block that is not run, nothing.

        Raises AssertionError with the output of the block whose command failed.
        """
        example = ROOT / Path(page[0].page).parent
        if example.parent == ROOT / "examples":
            for file in example.iterdir():
                (self.work / file.name).write_text(self.here(file.read_text("utf-8")))
        before = BEFORE / f"{page[0].page}.sh"
        lines = ["set -e"]
        if before.exists():
            lines.append(f"( {self.here(before.read_text())}\n) > {self.folder}/before.out 2>&1")
        for number, block in enumerate(page):
            lines += self._commands(number, block)
        script = self.folder / "page.sh"
        script.write_text("\n".join([*lines, ""]))
        failed = self._bash(script)
        outputs = [self.printed(number) for number in range(len(page))]
        if failed:
            last = max(self.folder.glob("*.out"), key=lambda path: path.stat().st_mtime_ns)
            number = last.name.partition(".")[0]
            where = page[int(number)].where if number.isdigit() else str(before)
            raise AssertionError(f"{where}: {failed}\n{last.read_text(errors='replace')}\n{self._servers()}")
        return outputs

    def lacking(self, page: list[Block]) -> set[str]:
        """Programs that the page runs and that this machine does not have."""
        scripts = [
            block.text if block.language == "sh" else "".join(text for text, _ in shown(block))
            for block in page
            if block.is_run
        ]
        named = {
            words[0] for script in scripts for words in commands(script) if re.fullmatch(r"[a-z][\w.-]*", words[0])
        }
        there = subprocess.run(
            ["bash", "-c", 'for name; do type "$name" >/dev/null 2>&1 || echo "$name"; done', "type", *sorted(named)],
            env={"PATH": self.path},
            capture_output=True,
            text=True,
            check=True,
        )
        return set(there.stdout.split())

    def printed(self, number: int, command: int | None = None) -> str:
        """What a block printed, or one command of a console block."""
        part = "*" if command is None else f"{command:03}."
        files = sorted(self.folder.glob(f"{number}.{part}out"))
        return self.there("".join(file.read_text(errors="replace") for file in files))

    def _servers(self) -> str:
        file = self.folder / "servers.log"
        return file.read_text(errors="replace")[-3000:] if file.exists() else ""

    def _commands(self, number: int, block: Block) -> list[str]:
        if "file" in block.notes:
            file = Path(self.here(block.notes["file"]))
            path = file if file.is_absolute() else self.work / file
            kept = self.folder / f"{number}.file"
            kept.write_text(self.here(block.text))
            return [f"mkdir -p '{path.parent}'; cp '{kept}' '{path}'"]
        if not block.is_run:
            return []
        out = f"{self.folder}/{number}.out"
        if block.language == "sh":
            return [f"{{ :\n{self.here(block.text)}\n}} > {out} 2>&1"]
        commands = [self.here(text) for text, _ in shown(block)]
        return [f"{{ {each}\n}} > {self.folder}/{number}.{n:03}.out 2>&1 || true" for n, each in enumerate(commands)]

    def _bash(self, script: Path) -> str:
        environment = {
            "PATH": self.path,
            "HOME": f"{self.folder}/home",
            "SANDBOX": str(self.folder),
            "STATE_DIRECTORY": f"{self.folder}/var/lib/tidewatch",
            "TMPDIR": f"{self.folder}/tmp",
            "REPO": str(ROOT),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "120",
        }
        with (self.folder / "bash.out").open("wb") as out:
            self._shell = subprocess.Popen(
                ["bash", str(script)],
                cwd=self.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            code = self._shell.wait(_MOST_S)
        except subprocess.TimeoutExpired:
            return f"has not ended after {_MOST_S} s"
        return f"exit code {code}" if code else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shell = getattr(self, "_shell", None)
        if shell is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def shown(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that the page shows; `> ` goes on with a command."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + line[2:], "")
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def agrees(page: str, real: str) -> bool:
    """Whether a page's output is what was printed: a line of `...` is any lines, `...` in a line any text."""

    def pattern(line: str) -> str:
        return r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"[ \t]*\n"

    text = "".join(f"{line.rstrip()}\n" for line in real.splitlines())
    return re.fullmatch("".join(pattern(line.rstrip()) for line in page.splitlines()), text) is not None


def holds(block: Block, real: str) -> bool:
    """The same for a block marked as output; of one marked as `output: other figures` without numbers and dates."""
    if block.notes["output"] == OTHER_FIGURES:
        return agrees(_without_figures(block.text), _without_figures(real))
    return agrees(block.text, real)


def _without_figures(text: str) -> str:
    return re.sub(" {2,}", " ", re.sub(r"[0-9]+(?:[.,][0-9]+)*", "0", _DATE.sub("<date>", text)))
