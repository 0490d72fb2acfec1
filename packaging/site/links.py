"""A hook of MkDocs: links from pages to the repository's files outside docs/ work in the site, too.

In the repository `../alerts/receivers.example.yml` leads to the file. The site has no such place: each file that a page
links to is published under `repository/`, and the link leads there. Markdown among them (README.md) becomes a page, and
its own links are followed in the same way.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "repository"
DOCS = "docs/"
_LINK = re.compile(r"(?P<before>\]\(|^\[[^\]]+\]: )(?P<path>[^\s)#:<]+)(?P<after>[)#\s])", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the pages link to outside docs/, and what is linked from there, until nothing new comes."""
    todo = [file for file in files if file.is_documentation_page()]
    while todo:
        file = todo.pop()
        for match in _LINK.finditer(file.content_string):
            uri = _site_uri(file.src_uri, match["path"])
            if uri is None or not uri.startswith(f"{FOLDER}/") or files.get_file_from_path(uri):
                continue
            path = ROOT / uri.removeprefix(f"{FOLDER}/")
            added = File.generated(config, uri, abs_src_path=str(path), inclusion=InclusionLevel.NOT_IN_NAV)
            files.append(added)
            if added.is_documentation_page():
                todo.append(added)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with its links to places of the site."""
    del config, files
    here = posixpath.dirname(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        uri = _site_uri(page.file.src_uri, match["path"])
        return match[0] if uri is None else f"{match['before']}{posixpath.relpath(uri, here)}{match['after']}"

    return _LINK.sub(moved, markdown)


def _site_uri(page_uri: str, path: str) -> str | None:
    """Where in the site the repository's file is that `path` leads to from a page; None: not a file outside docs/."""
    in_repository = page_uri.removeprefix(f"{FOLDER}/") if page_uri.startswith(f"{FOLDER}/") else DOCS + page_uri
    target = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository), path))
    if f"{target}/" == DOCS:
        return "index.md"
    if target.startswith(("..", "/")) or not (ROOT / target).is_file():
        return None
    if target.startswith(DOCS):
        return target.removeprefix(DOCS)
    return f"{FOLDER}/{target}"
