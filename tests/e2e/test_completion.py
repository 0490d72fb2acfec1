"""Completion as docs/running.md has it: what the shell gets, and what the programs answer it."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
PAGE = Path(__file__).parents[2] / "docs" / "running.md"
PROGRAMS = ("exporter", "trafficgen", "timeserver", "collector", "plot")
pytestmark = pytest.mark.slow


def told(program, **environ):
    found = subprocess.run(
        [BIN / program], env={**os.environ, **environ}, capture_output=True, text=True, check=True, timeout=60
    )
    return found.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_completes_as_the_page_says(program):
    """`complete -p` fails where nothing completes the program."""
    (line,) = [line for line in PAGE.read_text().splitlines() if "bash_source" in line]
    (name,) = [name for name in PROGRAMS if f" {name})" in line]
    line = (
        line.partition("#")[0].replace(f"_{name.upper()}_", f"_{program.upper()}_").replace(f" {name})", f" {program})")
    )
    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    found = subprocess.run(
        ["bash", "-c", f"{line}; complete -p {program}"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert f"_{program}_completion" in found.stdout


@pytest.mark.parametrize(
    ("program", "words", "wanted"),
    [
        ("exporter", "exporter su", {"plain,summary"}),
        ("exporter", "exporter summary --rout", {"plain,--route", "plain,--routes"}),
        ("exporter", "exporter stores rep", {"plain,report"}),
        ("trafficgen", "trafficgen --patt", {"plain,--pattern"}),
    ],
)
def test_commands_and_flags_are_completed(program, words, wanted):
    environ = {f"_{program.upper()}_COMPLETE": "bash_complete", "COMP_WORDS": words}
    assert set(told(program, **environ, COMP_CWORD=str(words.count(" "))).split()) == wanted


# Each prints the line that is being edited at Ctrl-X, then ends.
TYPED = {
    "bash": """bind -x '"\\C-x": echo "LINE=$READLINE_LINE="; exit'""",
    "zsh": """autoload -Uz compinit; compinit -u -D
show() { print -r -- "LINE=$BUFFER="; exit }; zle -N show; bindkey '^X' show""",
}
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}
CASES = [("exporter summ", "exporter summary"), ("exporter summary --input-f", "exporter summary --input-format")]


def typed(shell, home, words):
    """The line after `words` and Tab in this shell, in which the page's line was read."""
    setup = home / "setup"
    setup.write_text(f"{TYPED[shell]}\n{lines_of_the_page()[shell]}\nPS1=READY=\n")
    outer, inner = pty.openpty()
    environ = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "TERM": "xterm"}
    with subprocess.Popen(
        START[shell], env=environ, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    ) as process:
        os.close(inner)
        try:
            os.write(outer, f". {setup}\n".encode())
            read_until(outer, rb"(?<!PS1=)READY=")
            os.write(outer, f"{words}\t\x18".encode())
            return read_until(outer, rb"LINE=(.*?)=").group(1).decode().rstrip()
        finally:
            process.kill()
            os.close(outer)


def read_until(descriptor, pattern):
    """What the terminal shows matches at last; a minute is for a machine that is busy."""
    shown, until = b"", time.monotonic() + 60
    while not (found := re.search(pattern, shown)):
        ready, _, _ = select.select([descriptor], [], [], max(0, until - time.monotonic()))
        assert ready, shown
        shown += os.read(descriptor, 4096)
    return found


def lines_of_the_page():
    """The page's line for each shell."""
    lines = [line.partition("  #")[0].strip() for line in PAGE.read_text().splitlines() if "_source exporter" in line]
    return {re.search(r"=(\w+)_source", line)[1]: line for line in lines}


@pytest.mark.parametrize(("words", "wanted"), CASES)
@pytest.mark.parametrize("shell", TYPED)
def test_tab_completes_a_command_and_a_flag(tmp_path, shell, words, wanted):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here (apt-get install {shell})")
    assert typed(shell, tmp_path, words) == wanted


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_fish_completes_a_command_and_a_flag(tmp_path, words, wanted):
    """It has a command of its own that answers as Tab would."""
    if shutil.which("fish") is None:
        pytest.skip("no fish here (apt-get install fish)")
    script = f'{lines_of_the_page()["fish"]}; complete -C "{words}"'
    environ = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(tmp_path)}
    found = subprocess.run(["fish", "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert [line.partition("\t")[0] for line in found.stdout.splitlines()] == [wanted.split()[-1]]
