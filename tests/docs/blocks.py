"""The fenced code blocks of README.md, docs and examples, and what becomes of each.

The language of a block says it, or a comment on the lines directly above, which the rendered page does not show.
The rule for those who write pages is in docs/running.md, section Code blocks.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
RUN = frozenset({"sh", "console"})
LOADED = frozenset({"yaml", "json", "nginx", "promql", "sql", "toml", "ini", "python"})
OUTPUT = frozenset({"text"})
OTHER_FIGURES = "other figures"
"""What a page says of an output whose numbers differ each time."""
NOTES = ("not run", "output", "file")

_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$")
_NOTE = re.compile(r"^\s*<!--\s*(not run|output|file)\b:?\s*(.*?)\s*-->\s*$")


class Block(NamedTuple):
    """`notes` maps the kind of each comment above to its text; `line` is that of the fence, from 1."""

    page: str
    line: int
    language: str
    text: str
    notes: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language in RUN and "not run" not in self.notes

    @property
    def is_loaded(self) -> bool:
        return self.language in LOADED and "not run" not in self.notes


def pages() -> list[str]:
    """README.md and every page of docs and examples, from the root."""
    folders = (ROOT / "docs", ROOT / "examples")
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for folder in folders for path in folder.rglob("*.md"))]


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in its order."""
    return blocks_of((ROOT / page).read_text("utf-8"), page)


def blocks_of(text: str, page: str) -> list[Block]:
    """The blocks of a page's text. A fence ends at one of as many characters or more, or at the end of the text."""
    found = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        indent, marks, language = fence.groups()
        end = re.compile(rf"^\s*{re.escape(marks[0])}{{{len(marks)},}}\s*$")
        last = next((n for n in range(at + 1, len(lines)) if end.match(lines[n])), len(lines))
        inside = [line.removeprefix(indent) for line in lines[at + 1 : last]]
        found.append(Block(page, at + 1, language, "".join(f"{line}\n" for line in inside), _notes(lines, at)))
        at = last + 1
    return found


def _notes(lines: list[str], fence: int) -> dict[str, str]:
    notes = {}
    while fence and (note := _NOTE.match(lines[fence - 1])):
        notes[note[1]] = note[2]
        fence -= 1
    return notes


def fault(block: Block) -> str | None:
    """What a block lacks to be run, loaded or known as output; None where nothing."""
    if "not run" in block.notes:
        return None if block.notes["not run"] else "a reason is missing: <!-- not run: REASON -->"
    if block.notes.get("output", "") not in {"", OTHER_FIGURES}:
        return f"expected <!-- output --> or <!-- output: {OTHER_FIGURES} -->"
    if "file" in block.notes:
        return None if block.notes["file"] else "a name is missing: <!-- file: NAME -->"
    if block.language in RUN | LOADED | OUTPUT:
        return None
    name = block.language or "(none)"
    return f"language {name}: expected {', '.join(sorted(RUN | LOADED | OUTPUT))}, or <!-- not run: REASON --> above it"
