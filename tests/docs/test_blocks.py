"""Every code block of README.md and docs is run, loaded, or says that it is output or why it cannot be run."""

import re

import click
import pytest
from blocks import ROOT, Block, blocks, blocks_of, fault, pages
from load import load
from shell import check, commands

from foundation.errors import ConfigError

BLOCKS = [block for page in pages() for block in blocks(page)]


def named(found):
    return [pytest.param(block, id=block.where) for block in found]


@pytest.mark.parametrize("block", named(BLOCKS))
def test_a_block_says_what_becomes_of_it(block):
    assert fault(block) is None


def test_tests_that_a_reason_names_are_there():
    named = {name for block in BLOCKS for name in re.findall(r"tests/\S+\.py", block.notes.get("not run", ""))}
    assert len(named) > 5
    assert {name for name in named if not (ROOT / name).is_file()} == set()


@pytest.mark.slow
@pytest.mark.parametrize("block", named(b for b in BLOCKS if b.is_loaded))
def test_a_configuration_is_read_by_its_program(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load(block, tmp_path)


@pytest.mark.parametrize("block", named(b for b in BLOCKS if b.language in {"sh", "console"}))
def test_flags_of_our_commands_are_there(block):
    for words in commands(script(block)):
        check(words)


def script(block):
    if block.language == "sh":
        return block.text
    return "".join(line[2:] for line in block.text.splitlines(keepends=True) if line.startswith(("$ ", "> ")))


def block(language, text="", **notes):
    return Block("page.md", 1, language, text, {key.replace("_", " "): value for key, value in notes.items()})


def test_blocks_are_found_with_what_is_said_of_them():
    page = "# T\n- item\n\n  <!-- not run: as root -->\n  ```sh\n  a\n    b\n  ```\n"
    page += "````text\n```\n````\n<!-- output -->\n```\nx\n"
    assert blocks_of(page, "p.md") == [
        Block("p.md", 5, "sh", "a\n  b\n", {"not run": "as root"}),
        Block("p.md", 9, "text", "```\n", {}),
        Block("p.md", 13, "", "x\n", {"output": ""}),
    ]


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (block("sh"), None),
        (block("text"), None),
        (block("sh", not_run="as root"), None),
        (block("sh", not_run=""), "a reason is missing"),
        (block("", file="plans.csv"), None),
        (block("", file=""), "a name is missing"),
        (block(""), "language (none): expected console"),
        (block("mtail"), "language mtail: expected console"),
    ],
)
def test_what_a_block_lacks(given, want):
    found = fault(given)
    assert found is None if want is None else found.startswith(want)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("a b  # c\nd 'e f'", [["a", "b"], ["d", "e f"]]),
        ("a \\\n  --b 2>x | c > y &\nd && e", [["a", "--b"], ["c"], ["d"], ["e"]]),
        ("cat > f <<'EOF'\nexporter --nonsense\nEOF\nb", [["cat"], ["b"]]),
        ("X=1 a 'b\nc'", [["a", "b\nc"]]),
        ("for i in 1; do a $i; done", [["for", "i", "in", "1"], ["a", "$i"], ["done"]]),
    ],
)
def test_commands_of_a_script(text, want):
    assert list(commands(text)) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("exporter qps access.log --nonsense", "No such option"),
        ("exporter nonsense", "no such command"),
        ("exporter summary", "Missing argument"),
        ("trafficgen --url http://127.0.0.1/ --duration soon", "soon"),
        ("python -m alerts export --format nonsense", "nonsense"),
    ],
)
def test_a_wrong_flag_is_found(text, want):
    [words] = commands(text)
    with pytest.raises(click.UsageError) as refused:
        check(words)
    assert want in refused.value.format_message()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "error"),
    [
        (block("yaml", "accesslog:\n  - source: a\n    path: [/x]\n"), ConfigError),
        (block("yaml", "strange: 1\n"), AssertionError),
        (block("json", "{]"), ValueError),
        (block("promql", "rate(a[5m)"), Exception),
        (block("sql", "selekt 1"), AssertionError),
    ],
)
def test_a_wrong_block_is_found(given, error, tmp_path):
    with pytest.raises(error):
        load(given, tmp_path)
