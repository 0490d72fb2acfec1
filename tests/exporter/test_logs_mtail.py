"""docs/from-mtail.md: each example does what it says, and what mtail's own program makes of the same lines."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.logs.metrics import families
from exporter.logs.reader import Reader
from exporter.logs.selftest import check_source
from exporter.logs.state import State
from exporter.systems import read
from exporter.web.exposition import Renderer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "from-mtail.md"
PROGRAMS = Path("/usr/share/doc/mtail/examples")


class Section(NamedTuple):
    name: str
    yaml: str
    pairs: list[tuple[str, str]]


def sections():
    for text in PAGE.read_text("utf-8").split("\n## ")[1:]:
        [yaml] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        pairs = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", text, re.MULTILINE)
        yield Section(text.split("\n")[0], yaml, pairs)


SECTIONS = list(sections())


def source_of(section, folder):
    file = folder / "exporter.yml"
    file.write_text(section.yaml)
    [source] = read(file).logs
    return source


SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})?(?: (\S+))?")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def parsed(line):
    """Name, labels and value. The parser of prometheus-client gives counters other names than mtail does."""
    name, labels, number = SAMPLE.fullmatch(line).groups()
    return name, dict(LABEL.findall(labels or "")), float(number or 0)


def value(text, selector):
    name, labels, _ = parsed(selector)
    samples = [parsed(line) for line in text.splitlines() if not line.startswith("#")]
    found = [number for one, has, number in samples if one == name and labels.items() <= has.items()]
    assert found, f"{selector} is not in\n{text}"
    return sum(found)


def test_there_are_ten_and_each_compares_something():
    assert len(SECTIONS) >= 10
    assert all(section.pairs for section in SECTIONS)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_an_example_makes_the_samples_that_it_shows(section, tmp_path):
    source = source_of(section, tmp_path)
    assert source.tests
    assert check_source(source) == []


@pytest.mark.e2e
@pytest.mark.skipif(
    shutil.which("mtail") is None or not PROGRAMS.is_dir(),
    reason="mtail is not installed, with its examples (Debian: mtail)",
)
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_mtail_counts_the_same(section, tmp_path):
    source = source_of(section, tmp_path)
    lines = "".join(f"{line}\n" for test in source.tests for line in test.lines)
    (tmp_path / "the.log").write_text(lines)
    programs = tmp_path / "programs"
    programs.mkdir()
    shutil.copy(PROGRAMS / f"{section.name}.mtail", programs)
    command = [
        "mtail",
        "--one_shot",
        "--one_shot_format=prometheus",
        "--progs",
        programs,
        "--logs",
        tmp_path / "the.log",
    ]
    theirs = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    state = State(source, 0.0)
    state.add(Reader(source).read(lines.encode()), 0.0)
    ours = "".join(Renderer().render(families(state), openmetrics=False))
    for mtail, here in section.pairs:
        assert value(ours, here) == pytest.approx(value(theirs, mtail)), (mtail, here)
