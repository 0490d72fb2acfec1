"""The documentation as a site: `make docs` builds it strictly, and nothing in it asks another host."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
MKDOCS = (sys.executable, "-m", "mkdocs", "build")
"""Without --quiet, which lets warnings pass, strict or not."""
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "use": "href"}
"""What a browser fetches without being asked to, by its element."""
ALSO_LINKS = {"canonical", "next", "prev"}
"""Relations of <link> that nothing is fetched for."""


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MKDOCS, "--site-dir", str(site)],
        cwd=folder,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


class Fetches(HTMLParser):
    """Collects the addresses that a page fetches, and the classes of its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.classes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.classes |= set((given.get("class") or "").split())
        if tag in FETCHED and given.get("rel") not in ALSO_LINKS:
            self.found.append(given.get(FETCHED[tag]) or "")


def elsewhere(address: str) -> bool:
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme not in ("", "data")


def test_the_site_builds_strictly_and_asks_no_other_host(tmp_path):
    done = build(ROOT, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    pages = {path: Fetches(path.read_text("utf-8")) for path in (tmp_path / "site").rglob("*.html")}
    assert len(pages) >= len(list((ROOT / "docs").rglob("*.md")))
    fetched = [(path.name, address) for path, page in pages.items() for address in page.found]
    assert len(fetched) > len(pages)
    assert [at for at in fetched if elsewhere(at[1])] == []
    assert [path.name for path, page in pages.items() if "mermaid" in page.classes] == []  # the theme would fetch it
    missing = [(path.name, a) for path, page in pages.items() for a in page.found if a and not there(path, a)]
    assert missing == []


def there(page: Path, address: str) -> bool:
    path = urlsplit(address).path
    return address.startswith("data:") or path.startswith("/") or not path or (page.parent / path).is_file()


def test_what_the_reader_would_stumble_over_fails_the_build(tmp_path):
    """A page that no navigation has, an anchor that its page lacks, a link to a file that is not there."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / "packaging").symlink_to(ROOT / "packaging")
    (tmp_path / "docs" / "new.md").write_text("# New\n\n[a](index.md#nowhere), [b](gone.md), [c](../gone.yml)\n")
    done = build(tmp_path, tmp_path / "site")
    told = done.stderr
    assert done.returncode == 1
    assert 'not included in the "nav" configuration:\n  - new.md' in told
    assert "'new.md' contains a link 'index.md#nowhere', but the doc 'index.md' does not contain an anchor" in told
    assert "'new.md' contains a link 'gone.md', but the target is not found" in told
    assert "'new.md' contains a link '../gone.yml', but the target" in told


@pytest.mark.parametrize(
    ("address", "want"),
    [
        ("assets/main.css", False),
        ("../a.png?v=1", False),
        ("data:image/png;base64,AA", False),
        ("https://fonts.example.org/a.css", True),
        ("//cdn.example.org/a.js", True),
        ("http://192.0.2.1/a.js", True),
    ],
)
def test_which_address_is_another_host(address, want):
    assert elsewhere(address) is want
