"""A how-to page that is followed word by word: its blocks in order, and what stands for the reader's machine.

Shell blocks run as they stand, in a folder of their own: each path of the system and each usual address has one
substitute. A block that is marked as not run is left to the test, which stands for systemd. A block of another language
begins with a comment that names its file (`# add to /etc/prometheus/prometheus.yml`) and is written there.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from blocks import Block, blocks_of

_FILE = re.compile(
    r"# (?P<how>add to |in )?(?P<path>/[^\s,]+)(?P<replaces>, in place of [^\n]*)?\n(?P<text>.*)", re.DOTALL
)
_OF_THE_SYSTEM = re.compile(
    r"(?<![\w.>])/(?=(?:etc/(?:prometheus|tidewatch|grafana|systemd)|opt/tidewatch|var/(?:log|lib))\b)"
)
_EXPORT = re.compile(r"^export .*$", re.MULTILINE)
_SECTION = re.compile(r"^## (\d+)\. .*\n", re.MULTILINE)


def sections_of(page: str) -> dict[int, list[Block]]:
    """The blocks of each numbered section of a page, in order. Those of other sections are left out."""
    numbers = [int(found[1]) for found in _SECTION.finditer(page)]
    texts = [text.partition("\n## ")[0] for text in _SECTION.split(page)[2::2]]
    return {number: blocks_of(text, f"section {number}") for number, text in zip(numbers, texts, strict=True)}


@dataclass
class Machine:
    """What stands for the reader's machine: a folder in place of /, and other ports.

    addresses: what the page says to what it is here. folder: where commands run. env: what the machine's shell has.
    """

    root: Path
    addresses: Mapping[str, str]
    folder: Path
    env: Mapping[str, str]
    exports: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        """The text with this machine's paths and addresses."""
        for said, here in self.addresses.items():
            text = text.replace(said, here)
        return _OF_THE_SYSTEM.sub(f"{self.root}/", text)

    def as_said(self, text: str) -> str:
        """The text as the page would say it."""
        for said, here in self.addresses.items():
            text = text.replace(here, said) if ":" in here else text
        return text.replace(f"{self.root}/", "/")

    def follow(self, block: Block) -> str:
        """Do what the block says; what its commands print, as on the reader's machine. Fails where one of them does."""
        if block.language == "sh":
            return self._run(block.text)
        self._write(block.text)
        return ""

    def _run(self, text: str) -> str:
        script = self.here("\n".join([*self.exports, text]))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder, env=dict(self.env), capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        self.exports += _EXPORT.findall(text)
        return self.as_said(done.stdout)

    def _write(self, text: str) -> None:
        """A whole file, or items of lists in one that is there, as a person puts them in."""
        found = _FILE.fullmatch(text)
        assert found, f"its first line names no file: {text}"
        path = self.root / found["path"].removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if found["how"]:
            self.put(path, found["text"], in_place=bool(found["replaces"]))
        else:
            path.write_text(self.here(text))

    def put(self, path: Path, text: str, *, in_place: bool = False) -> None:
        """Add to the lists of a file of YAML; in_place: instead of its jobs of the same names."""
        whole = yaml.safe_load(path.read_text())
        for key, more in yaml.safe_load(self.here(text)).items():
            kept = whole.get(key) or []
            if in_place:
                names = {item["job_name"] for item in more}
                assert names <= {item["job_name"] for item in kept}, f"{path} has no job {names} to replace"
                kept = [item for item in kept if item["job_name"] not in names]
            whole[key] = [*kept, *more]
        path.write_text(yaml.safe_dump(whole, sort_keys=False))


def service_command(unit: Path) -> tuple[list[str], dict[str, str]]:
    """What systemd would start for a unit and its drop-ins; the last ExecStart, and credentials by name."""
    texts = [unit.read_text(), *(path.read_text() for path in sorted(Path(f"{unit}.d").glob("*.conf")))]
    lines = "\n".join(texts).splitlines()
    command = [line.partition("=")[2] for line in lines if line.startswith("ExecStart=/")][-1]
    pairs = [line.partition("=")[2].split(":", 1) for line in lines if line.startswith("LoadCredential=")]
    return command.split(), dict(pairs)


def start_service(unit: Path, machine: Machine) -> "subprocess.Popen[bytes]":
    """Start what a unit says as systemd does: with its state folder, and with its credentials copied."""
    command, credentials = service_command(unit)
    state = machine.root / "var/lib/tidewatch"
    folder = machine.root / "run/credentials"
    shutil.rmtree(folder, ignore_errors=True)
    for made in (state, folder):
        made.mkdir(parents=True, mode=0o700, exist_ok=True)
    for name, path in credentials.items():
        shutil.copyfile(machine.here(path), folder / name)
        (folder / name).chmod(0o400)
    words = [machine.here(word.replace("%d", str(folder))) for word in command]
    words += ["--web.listen-address", machine.addresses["127.0.0.1:8090"]]
    env = {**machine.env, "STATE_DIRECTORY": str(state)}
    with (machine.root / "tidewatch-exporter.out").open("ab") as output:
        return subprocess.Popen(words, stdout=output, stderr=output, env=env)
