"""Links inside README and docs lead to a file that exists, and to a heading that it has."""

import re
from itertools import count
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")


def slugs(text):
    """The fragments of a page's headings, as GitHub and MkDocs make them: small letters, words joined by dashes."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.lower())
        slug = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        found.add(next(name for n in count() if (name := f"{slug}-{n}" if n else slug) not in found))
    return found


def broken(page, text):
    """The links of a page with this text that lead nowhere, in their order."""
    wrong = []
    for link in LINK.findall(CODE.sub("", FENCED.sub("", text))):
        path, _, fragment = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in slugs(target.read_text("utf-8"))):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page, page.read_text("utf-8")) == []


def test_what_leads_nowhere_is_noticed():
    page = ROOT / "docs" / "logs.md"
    text = "# A b, c\n[a](#a-b-c) [b](nothing.md) [c](logs.md#nothing) [d](https://example.org/x) `[e](f)`\n"
    text += "[g](inputs.md#syslog)"
    assert broken(page, text) == ["#a-b-c", "nothing.md", "logs.md#nothing"]
    assert slugs("# A b, c\n## A b, c\n```\n# no\n```\n### [x](y) `z`") == {"a-b-c", "a-b-c-1", "x-z"}
