"""What comes from outside is text on a page, never markup, and no link of it runs a script."""

from urllib.parse import urljoin

import pytest
from jinja2 import DictLoader, UndefinedError

from foundation import page


@pytest.fixture
def template(monkeypatch):
    """Sets the one template of a package, and renders it."""

    def use(text, **values):
        monkeypatch.setattr("jinja2.PackageLoader", lambda _: DictLoader({"page.html": text}))
        page._environment.cache_clear()
        return page.render("package", "page.html", **values)

    yield use
    page._environment.cache_clear()


def test_values_are_escaped_and_markup_of_macros_is_not(template):
    text = "{% macro cell(x) %}<td>{{ x }}</td>{% endmacro %}{{ cell(name) }}"
    assert template(text, name="<script>\x1b[1m\u202e\n\"'") == "<td>&lt;script&gt;\\x1b[1m\\u202e\n&#34;&#39;</td>"


def test_a_value_that_is_missing_is_a_bug(template):
    with pytest.raises(UndefinedError):
        template("{{ nothing }}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8094/runbooks#x", "https://example.org/a?b=c", "/runbooks"])
def test_links_of_the_web_stay(url):
    assert page.web_link(url) == url


@pytest.mark.parametrize("prefix", ["", "/a", "/a/b"])
@pytest.mark.parametrize("shown", ["/", "/stats", "/a/", "/a/b%2Fc"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/a/b/metrics", "/-/healthy", "/a:b", "/?a=b"])
def test_a_relative_link_leads_below_the_prefix_of_a_proxy(prefix, shown, path):
    """As a browser resolves it, on a page that it opened below the prefix."""
    link = page.relative(path, shown)
    assert urljoin(f"http://h{prefix}{shown}", link) == f"http://h{prefix}{path}"


SCRIPTS = ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x"]
ELSEWHERE = ["//evil.example", "/\\evil.example", "http://", "http://[::1", "x", ""]


@pytest.mark.parametrize("url", [*SCRIPTS, *ELSEWHERE])
def test_other_links_go(url):
    assert page.web_link(url) == ""
