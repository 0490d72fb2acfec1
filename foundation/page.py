"""HTML out of templates: whatever a page shows is escaped unless it is a template's own text.

A package keeps its templates in its folder `templates/`; they extend `foundation/base.html`, the frame of all pages.
Control characters and marks that reverse text are printed as escapes, as on a terminal; a link from outside leads to
a web address or is no link.
"""

from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined

from foundation.secret import shown_url
from foundation.terminal import printable_text


def render(package: str, template: str, **values: Any) -> str:
    """The page that `template` of `package` makes of `values`; a value that the template misses is a bug and raises."""
    return _environment(package).get_template(template).render(values)


def web_link(url: str) -> str:
    """`url` if a browser may follow it: http or https with a host, or a path of this site; else an empty string.

    What is secret in it is left out: whoever sees the page would see it.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    own_path = not parts.scheme and not parts.netloc and parts.path.startswith("/") and "\\" not in url
    return shown_url(url.strip()) if own_path or (parts.scheme in ("http", "https") and parts.hostname) else ""


@cache
def _environment(package: str) -> Environment:
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
    """Text without what acts; markup that a macro or a block made has been through here already."""
    return printable_text(value) if type(value) is str else value
