"""The commands of README.md and docs run as they are written, and print what the page shows."""

import difflib
import re

import pytest
from blocks import OTHER_FIGURES, ROOT, Block, blocks, pages
from sandbox import Sandbox, agrees, holds, shown

RUN_BY = re.compile(r"<!-- run by (tests/\S+\.py) -->")
"""Stands in a page whose commands have a test of their own."""
PAGES = [page for page in pages() if any(block.is_run for block in blocks(page))]
ELSEWHERE = {page: found[1] for page in PAGES if (found := RUN_BY.search((ROOT / page).read_text("utf-8")))}


def test_the_test_of_a_page_names_it():
    for page, test in ELSEWHERE.items():
        assert page.rpartition("/")[2] in (ROOT / test).read_text("utf-8")


@pytest.mark.timeout(240)  # the sandbox ends a page before
@pytest.mark.e2e
@pytest.mark.parametrize("page", [page for page in PAGES if page not in ELSEWHERE])
def test_commands_of_a_page_run_as_written(page, tmp_path):
    found = blocks(page)
    for attempt in range(3):
        try:
            differ = run_page(found, tmp_path / f"page{attempt}")
        except AssertionError as exc:  # a machine so busy that trafficgen says that its own figures are void
            if attempt == 2 or "INVALID" not in str(exc) or "by other processes" not in str(exc):
                raise
        else:
            break
    assert differ == [], "\n".join(differ)


def run_page(found, folder):
    """Runs the page's blocks in `folder`; gives the lines in which an output is another one."""
    differ = []
    with Sandbox(folder) as sandbox:
        if lacking := sandbox.lacking(found):
            pytest.skip(f"{', '.join(sorted(lacking))} not installed")
        printed = sandbox.run(found)
        for number, block in enumerate(found):
            if "output" in block.notes:
                differ += [] if holds(block, printed[number - 1]) else lines(block, block.text, printed[number - 1])
            elif block.is_run and block.language == "console":
                for n, (_, text) in enumerate(shown(block)):
                    real = sandbox.printed(number, n)
                    differ += [] if agrees(text, real) else lines(block, text, real)
    return differ


def lines(block, page, real):
    return [block.where, *difflib.ndiff(page.splitlines(), real.splitlines())]


def test_what_failed_is_told_with_its_place(tmp_path):
    page = [Block("p.md", 3, "sh", "true\n", {}), Block("p.md", 7, "sh", "echo before; false; echo after\n", {})]
    with (
        Sandbox(tmp_path / "page") as sandbox,
        pytest.raises(AssertionError, match=r"p\.md:7: exit code 1\nbefore\n\n"),
    ):
        sandbox.run(page)


def test_a_program_that_is_not_there_is_found_before(tmp_path):
    scripts = (
        "cat <<'EOF' | exporter x > y\nnowhere-to-be-found a\nEOF\n",
        "for i in 1; do [ $i ]; no-such-program; done\n",
    )
    page = [Block("p.md", n, "sh", text, {}) for n, text in enumerate(scripts)]
    with Sandbox(tmp_path / "page") as sandbox:
        assert sandbox.lacking(page) == {"no-such-program"}


def test_files_paths_and_variables_go_on_from_block_to_block(tmp_path):
    page = [
        Block("p.md", 1, "text", "a /var/log/x 127.0.0.1:8090\n", {"file": "/etc/a/b"}),
        Block("p.md", 2, "sh", "x=1; cd /etc/a\n", {}),
        Block("p.md", 3, "sh", "echo $x; cat b; exit 3\n", {"not run": "it fails"}),
        Block("p.md", 4, "console", "$ echo $x \\\n> 2\n1 2\n$ cat b; false\n", {}),
    ]
    with Sandbox(tmp_path / "page") as sandbox:
        assert sandbox.run(page) == ["", "", "", "1 2\na /var/log/x 127.0.0.1:8090\n"]
        assert str(sandbox.folder) in (sandbox.folder / "etc/a/b").read_text()


@pytest.mark.parametrize(
    ("page", "real", "want"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("...\nb\n", "a\n", False),
        ("took ... s\n", "took 1.25 s\n", True),
        ("took ... s\n", "took 1.25\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_output_agrees(page, real, want):
    assert agrees(page, real) == want


@pytest.mark.parametrize(
    ("note", "real", "want"),
    [
        (OTHER_FIGURES, "Sat Nov 28 06:43:07 2026\n/\t200   1,044.3\n", True),
        (OTHER_FIGURES, "Sat Nov 28 06:43:07 2026\n/\t200   44 %\n", False),
        (OTHER_FIGURES, "Sat Nov 28 06:43:07 2026\n", False),
        ("", "Sat Nov 28 06:43:07 2026\n/\t200   44.3\n", False),
        ("", "Fri Nov 27 22:33:08 2026\n/\t200 5.2\n", True),
    ],
)
def test_an_output_of_other_figures_has_the_same_words(note, real, want):
    block = Block("p.md", 1, "text", "Fri Nov 27 22:33:08 2026\n/\t200 5.2\n", {"output": note})
    assert holds(block, real) == want
