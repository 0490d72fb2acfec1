"""Where a Grafana is found, and what is said of one that is not, or that has ended."""

import re
import subprocess

import optional
import pytest
from optional import NotThere, find_grafana, last_words, may_end

NEWER, OLDER = "grafana", "grafana-server"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """An empty machine: nothing on PATH, no home where distributions have it."""
    monkeypatch.setenv("PATH", str(tmp_path / "on path"))
    monkeypatch.delenv("GF_PATHS_HOME", raising=False)
    monkeypatch.setattr(optional, "HOMES", (str(tmp_path / "usr/share/grafana"),))
    monkeypatch.setattr(optional, "OPT", tmp_path / "opt")
    (tmp_path / "on path").mkdir()
    return tmp_path


def put_program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def put_home(folder):
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "defaults.ini").touch()
    return folder


@pytest.mark.parametrize(
    ("program", "home"),
    [
        ("unpacked/bin", "unpacked"),  # a tarball, with a link on PATH
        ("cellar/grafana/12/bin", "cellar/grafana/12/share/grafana"),  # Homebrew, Nix
        ("usr/sbin", "usr/share/grafana"),  # Debian, whose program is a script
        ("elsewhere/bin", "opt/grafana-12.2.0"),
    ],
)
@pytest.mark.parametrize("name", [NEWER, OLDER])
def test_the_home_is_found_from_the_program_that_a_link_leads_to(machine, program, home, name):
    (machine / "on path" / name).symlink_to(put_program(machine / program / name))
    want = put_home(machine / home)
    assert find_grafana() == ("grafana server" if name == NEWER else "grafana-server", want)


def test_the_home_that_the_environment_names_goes_first(machine, monkeypatch):
    put_program(machine / "on path" / NEWER)
    put_home(machine / "usr/share/grafana")
    monkeypatch.setenv("GF_PATHS_HOME", str(machine / "named"))
    with pytest.raises(NotThere, match=re.escape(f"GF_PATHS_HOME={machine}/named has no conf/defaults.ini")):
        find_grafana()
    named = put_home(machine / "named")
    assert find_grafana().home == named


def test_a_machine_without_grafana_says_so(machine):
    with pytest.raises(NotThere, match="neither `grafana` nor `grafana-server` is on PATH"):
        find_grafana()
    put_program(machine / "on path" / OLDER)
    with pytest.raises(NotThere, match=re.escape(f"found for {machine}/on path/grafana-server; GF_PATHS_HOME=FOLDER")):
        find_grafana()


@pytest.mark.parametrize(
    ("command", "want"),
    [
        ("exit 3", "it ended with exit code 3 (all of it: {log})"),
        (
            "echo first; echo; printf '\\033[31mError\\033[0m: no \\a\\n\\n'; false",
            "it ended with exit code 1: Error: no (",
        ),
        ("kill -9 $$", None),  # the shell itself: then honcho ends all
    ],
)
def test_a_part_that_ends_leaves_its_exit_code_and_its_last_words(tmp_path, command, want):
    run = tmp_path / "run"
    run.mkdir()
    script = may_end("grafana", f"({command})" if want else command).replace(".tidewatch/", f"{tmp_path}/")
    assert last_words("grafana", run) is None
    subprocess.run(["sh", "-c", script.replace("exec sleep", ": exec sleep")], check=False)
    words = last_words("grafana", run)
    assert words is None if want is None else words.startswith(want.format(log=run / "grafana.log"))


def test_no_more_than_one_line_of_a_noisy_end_is_told(tmp_path):
    (tmp_path / "grafana.ended").write_text("2\n")
    (tmp_path / "grafana.log").write_text("x" * 10_000 + "\n")
    words = last_words("grafana", tmp_path)
    assert "\n" not in words
    assert len(words) < 400 + len(str(tmp_path))
