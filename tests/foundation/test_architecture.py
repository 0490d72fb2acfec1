"""What the pages for contributors name is there, and every room of the house is on the page about it."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("foundation", "timeserver", "trafficgen", "exporter", "alerts", "dashboards")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [ARCHITECTURE, ROOT / "CONTRIBUTING.md"]
PATH = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'docs', 'tests', 'packaging', 'examples'))})/[^`*]*)`")
NOT_ROOMS = {"templates", "sql", "static", "json", "provisioning", "tests"}
"""Folders of files that a program reads; those of one room belong to it."""


def named(page):
    """The paths in backticks; what stands for a name of the reader's (NAME) ends the part that has to be there."""
    found = [path.partition("NAME")[0] for path in PATH.findall(page.read_text("utf-8"))]
    return {path if "/" in path else "" for path in found} - {""}


def rooms():
    """Every package, and every folder below one that has modules or files of its own."""
    for package in PACKAGES:
        yield f"{package}/"
        for folder in sorted((ROOT / package).rglob("*")):
            parts = folder.relative_to(ROOT).parts
            if folder.is_dir() and not NOT_ROOMS & set(parts) and "__pycache__" not in parts and any(folder.iterdir()):
                yield f"{'/'.join(parts)}/"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page):
    paths = named(page)
    assert len(paths) > 30
    assert [path for path in sorted(paths) if not (ROOT / path[: path.rindex("/") + 1 or None]).is_dir()] == []
    assert [path for path in sorted(paths) if re.search(r"\.\w+$", path) and not (ROOT / path).is_file()] == []


def test_every_room_is_on_the_page():
    text = ARCHITECTURE.read_text("utf-8")
    assert [room for room in rooms() if f"`{room}`" not in text] == []


@pytest.mark.parametrize("name", ["alerts/", "exporter/catalogue/", "exporter/releases/bulk/", "dashboards/style/"])
def test_these_are_rooms(name):
    assert name in set(rooms())


def test_names_in_code_that_the_guide_tells_to_edit_are_there():
    """`NAME` in `FILE`: a constant or function of the file that is named last before it."""
    places = {
        "exporter/accesslog/formats/presets.py": ("_PROGRAMS", "_TEMPLATES", "_STRUCTURED"),
        "exporter/accesslog/infer.py": ("_LISTED",),
        "trafficgen/plan/patterns.py": ("_KNOWN", "_base"),
        "dashboards/systems.py": ("SYSTEMS",),
        "exporter/systems.py": ("SYSTEMS", "Config", "Door"),
        "tests/exporter/test_accesslog_formats.py": ("WANT",),
        "tests/trafficgen/test_patterns.py": ("drawn_texts",),
        "tests/trafficgen/test_digest.py": ("PATTERNS",),
        "tests/alerts/test_rules.py": ("OF_READING", "SYSTEMS"),
    }
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for path, names in places.items():
        code = (ROOT / path).read_text("utf-8")
        for name in names:
            assert f"`{name}`" in guide, name
            assert re.search(rf"^(?:(?:class|def) )?{name}\b", code, re.MULTILINE), f"{path}: {name}"


@pytest.mark.parametrize("target", ["check", "unit", "test", "e2e", "bench", "lock", "demo"])
def test_the_guide_and_the_makefile_have_the_same_targets(target):
    assert f"make {target}" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_every_term_of_the_glossary_has_its_meaning_and_leads_to_a_page():
    rows = [line for line in (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    terms = [row.split(" | ") for row in rows if row != "| term | meaning |"]
    assert len(terms) > 60
    assert [row for row in terms if len(row) != 2 or not re.search(r"\]\([a-z]+\.md\)", row[1])] == []
    assert all(
        (ROOT / "docs" / page).is_file() for _, text in terms for page in re.findall(r"\]\(([a-z]+\.md)\)", text)
    )
    names = [term.removeprefix("| ").casefold() for term, _ in terms]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["bug_report", "feature_request"])
def test_issue_forms_are_forms(name):
    """As GitHub takes them: a name, a description, and a body of fields that have ids and labels."""
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text("utf-8"))
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_the_changelog_has_versions_and_kinds_of_changes():
    """`## Unreleased` first, then `## [X.Y.Z] - DATE`; under each the kinds that Keep a Changelog knows."""
    headings = re.findall(r"^(##+) (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    versions = [text for level, text in headings if level == "##"]
    assert versions[0] == "Unreleased"
    assert [text for text in versions[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", text)] == []
    kinds = {text for level, text in headings if level == "###"}
    assert {"Added", "Changed", "Fixed", "Security"} <= kinds
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
