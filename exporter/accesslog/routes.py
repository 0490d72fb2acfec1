"""Request targets to routes: the part of a path that makes a good label.

Templates, in order, first match: `/users/{id}` takes one segment for `{id}`, `/static/{path...}` takes all that
follows. A path that no template takes keeps its shape, with ids replaced (`/users/{id}`, see `shapes`), or is `other`
where only declared routes are wanted.
"""

import re
from collections.abc import Sequence

from exporter.accesslog.shapes import guess_route
from foundation.terminal import printable

OTHER = "other"
"""The value that labels fold into; a route never looks like it, as routes start with a slash."""

MAX_ROUTE_CHARS = 200  # a longer path is data, not a route
KEEP, KEEP_BYTES = 1 << 14, 256  # targets whose route is remembered, and how long they may be: 6 MiB at most

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}")
_ABSOLUTE = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*")
_PARAMETERS = re.compile(rb";[^/]*")  # of a path's segment (RFC 3986, 3.3), such as ;jsessionid=...


def compile_template(template: str) -> str:
    """The regex of one template. Raises ValueError that says what is wrong with it."""
    if not template.startswith("/"):
        raise ValueError(f"route {template!r} must start with /")
    if "?" in template:
        raise ValueError(f"route {template!r} must not have a query; queries are dropped before routes are looked up")
    parts: list[str] = []
    end = 0
    for match in _VARIABLE.finditer(template):
        if match[2] and match.end() != len(template):
            raise ValueError(f"route {template!r}: {match[0]} takes the rest of the path, so nothing can follow it")
        parts += [re.escape(template[end : match.start()]), ".+" if match[2] else "[^/]+"]
        end = match.end()
    rest = template[end:]
    if "{" in rest or "}" in rest:
        raise ValueError(f"route {template!r}: a variable is written {{name}} or {{name...}}")
    return "".join([*parts, re.escape(rest)])


class Router:
    """Finds the route of a target, and remembers it."""

    def __init__(self, templates: Sequence[str], *, only_declared: bool = False) -> None:
        """Raises ValueError for a template that is none."""
        self._templates = tuple(templates)
        alternatives = "|".join(f"({compile_template(template)})" for template in templates)
        self._match = re.compile(alternatives, re.DOTALL).fullmatch if templates else None
        self._only_declared = only_declared
        self._known: dict[bytes, str] = {}

    def route(self, target: bytes) -> str:
        """The route of a target without query; `other` for what is no path."""
        found = self._known.get(target)
        if found is None:
            found = self._find(target)
            if len(self._known) >= KEEP:
                self._known.clear()
            if len(target) <= KEEP_BYTES:
                self._known[target] = found
        return found

    def _find(self, target: bytes) -> str:
        if not target.startswith(b"/") and (absolute := _ABSOLUTE.match(target)):
            target = target[absolute.end() :] or b"/"
        path = _PARAMETERS.sub(b"", target).decode("utf-8", "replace")
        if not path.startswith("/"):
            return OTHER
        if self._match and (match := self._match(path)):
            assert match.lastindex is not None
            return self._templates[match.lastindex - 1]
        if self._only_declared:
            return OTHER
        shape = printable(guess_route(path))
        return shape if len(shape) <= MAX_ROUTE_CHARS else OTHER
