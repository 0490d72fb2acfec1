"""Request targets to routes: the part of a path that makes a good label.

Templates, in order, first match: `/users/{id}` takes one segment for `{id}`, `/static/{path...}` takes all that
follows. A path that no template takes keeps its shape, with ids replaced (`/users/{id}`, see `shapes`), or is `other`
if only declared routes are used.
"""

import re
from collections.abc import Sequence

from exporter.accesslog.alike import alike, speaks_of_ids
from exporter.accesslog.shapes import guess_route
from foundation.recent import Recent
from foundation.terminal import printable

OTHER = "other"
"""The value for values beyond limits; a route never equals it, because routes start with a slash."""

MAX_ROUTE_CHARS = 200  # a longer path is data, not a route
KEEP, KEEP_BYTES = 1 << 13, 256  # targets remembered in one generation, and how long they may be: 6 MiB at most

_FEW = 50  # new targets, for which it is not worth it to look at all of them together

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}")
_ABSOLUTE = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*")
_PARAMETERS = re.compile(rb";[^/]*")  # of a path's segment (RFC 3986, 3.3), such as ;jsessionid=...


def compile_template(template: str) -> str:
    """The regex of one template. Raises ValueError with the reason."""
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
    """Finds the route of a target, and remembers it.

    Attributes:
        templates: in their order.
        only_declared: whether paths that no template takes are `other`.
    """

    def __init__(self, templates: Sequence[str], *, only_declared: bool = False) -> None:
        """Raises ValueError for an invalid template."""
        self.templates = tuple(templates)
        alternatives = "|".join(f"({compile_template(template)})" for template in templates)
        self._match = re.compile(alternatives, re.DOTALL).fullmatch if templates else None
        self.only_declared = only_declared
        self._known = Recent[bytes, str](KEEP)
        self._alike = not any(map(speaks_of_ids, templates))

    def route(self, target: bytes) -> str:
        """The route of a target without query; `other` for a target that is not a path."""
        found = self._known.get(target)
        if found is None:
            found = self._find(target)
            if len(target) <= KEEP_BYTES:
                self._known[target] = found
        return found

    def routes(self, targets: Sequence[bytes]) -> list[str]:
        """The route of each target; many new ones together cost a fraction of the time."""
        known = self._known.get_all(targets)
        if known.count(None) < _FEW or not self._alike:
            return list(map(self.route, targets))
        new = alike([target for target, route in zip(targets, known, strict=True) if route is None])
        by_target = {target: self.route(target) for target in set(new)}
        found = map(by_target.__getitem__, new)
        return [next(found) if route is None else route for route in known]

    def _find(self, target: bytes) -> str:
        if not target.startswith(b"/") and (absolute := _ABSOLUTE.match(target)):
            target = target[absolute.end() :] or b"/"
        path = _PARAMETERS.sub(b"", target).decode("utf-8", "replace")
        if not path.startswith("/"):
            return OTHER
        if self._match and (match := self._match(path)):
            assert match.lastindex is not None
            return self.templates[match.lastindex - 1]
        if self.only_declared:
            return OTHER
        shape = printable(guess_route(path))
        return shape if len(shape) <= MAX_ROUTE_CHARS else OTHER
