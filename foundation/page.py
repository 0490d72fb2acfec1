"""HTML from templates: all values on a page are escaped.

A package keeps its templates in its folder `templates/`; they extend `foundation/base.html`, the frame of all pages.
Control characters and marks that reverse text are printed as escapes, as on a terminal; a link from outside leads to
a web address, or it is not a link.
"""

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from foundation.secret import shown_url
from foundation.terminal import printable_text

if TYPE_CHECKING:
    from jinja2 import Environment


def render(package: str, template: str, **values: Any) -> str:
    """The page that `template` of `package` makes of `values`; a value that the template misses is a bug and raises."""
    return _environment(package).get_template(template).render(values)


def web_link(url: str) -> str:
    """`url` if a browser may follow it: http or https with a host, or a path of this site; else an empty string.

    Secrets in it are removed, because everybody who sees the page would see them.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    own_path = not parts.scheme and not parts.netloc and parts.path.startswith("/") and "\\" not in url
    return shown_url(url.strip()) if own_path or (parts.scheme in ("http", "https") and parts.hostname) else ""


def relative(path: str, page: str = "/") -> str:
    """`path` of this site as a link on `page`, which leads there under any prefix that a proxy cuts off.

    Both begin with a slash; `page` is encoded as it was requested, so that its slashes are those that a browser counts.
    """
    return ("../" * (page.count("/") - 1) or "./") + path.removeprefix("/")


@cache
def _environment(package: str) -> "Environment":
    from jinja2 import (  # noqa: PLC0415, 4 MiB for servers most of which are never asked for a page
        ChoiceLoader,
        Environment,
        PackageLoader,
        PrefixLoader,
        StrictUndefined,
    )

    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PrefixLoader({"foundation": PackageLoader("foundation")})]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["web_link"] = web_link
    return made


def _printed(value: Any) -> Any:
    """Text without control characters; markup of a macro or a block has been processed already."""
    return printable_text(value) if type(value) is str else value
