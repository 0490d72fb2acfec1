"""A target as its file describes it, and a set of them with the data that their templates take. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from foundation.terminal import printable
from trafficgen.plan.catalogue import Codes
from trafficgen.plan.mix import is_path
from trafficgen.targets.template import Captured, Cell, Template, fields, is_fixed, parse_template, unknown

MAX_TARGETS = 10_000  # of one file; more paths come from a CSV file of data
MAX_BODY_BYTES = 16 << 20
MAX_NAME = 100
_METHOD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One kind of request."""

    name: str
    where: str  # file and line
    path: Template
    method: str = "GET"
    weight: float = 1.0
    headers: tuple[tuple[str, Template], ...] = ()
    body: Template | bytes = b""
    expected: Codes | None = None  # what its answers should have; without it, all but 5xx

    @property
    def texts(self) -> Iterator[Template]:
        """Every template of it."""
        yield self.path
        yield from (value for _, value in self.headers)
        if isinstance(self.body, tuple):
            yield self.body

    @property
    def fixed(self) -> bool:
        """Whether all its requests are the same."""
        return all(is_fixed(text) for text in self.texts)

    def cells(self) -> Iterator[Cell]:
        """The fields that come from files."""
        return (one for text in self.texts for one in fields(text) if isinstance(one, Cell))


def read_path(text: str) -> tuple[Template, str | None]:
    """A path with its fields, and the origin where it is a whole URL. Raises ValueError in words."""
    origin = None
    if re.match(r"https?://", text, re.IGNORECASE):
        parts = urlsplit(text[: text.find("{")] if "{" in text else text)
        if not parts.hostname or parts.username is not None:
            raise ValueError(f"{printable(text)}: expected http://host:port/path, without a user")
        origin = f"{parts.scheme.lower()}://{parts.netloc.lower()}"
        text = text[len(f"{parts.scheme}://{parts.netloc}") :]
        if not text.startswith("/"):
            text = f"/{text}"
    template = parse_template(text)
    literal = "".join(part if isinstance(part, str) else "x" for part in template)
    starts = bool(template) and (isinstance(template[0], Cell) or str(template[0]).startswith("/"))
    if not starts or not is_path(literal if literal.startswith("/") else f"/{literal}"):
        raise ValueError(
            f"invalid path {printable(text[:100])!r}: expected one that begins with / and is percent-encoded ASCII "
            "without blanks and #, for example /users/{random 1 1000}"
        )
    return template, origin


def read_method(text: str) -> str:
    """A method, in capitals. Raises ValueError in words."""
    if not _METHOD.fullmatch(text):
        raise ValueError(f"invalid method {printable(text[:40])!r}: expected one word, for example GET or POST")
    return text.upper()


def read_codes(text: str) -> Codes:
    """`201, 4xx, 500-503` as ranges. Raises ValueError in words."""
    found = []
    for word in re.split(r"[,\s]+", text.strip()):
        match = re.fullmatch(r"([1-9]\d\d)(?:-([1-9]\d\d))?|([1-9])[xX]{2}", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match and match[1] else (0, -1)
        if match and match[3]:
            first, last = int(match[3]) * 100, int(match[3]) * 100 + 99
        if not 200 <= first <= last:
            raise ValueError(f"invalid code {printable(word[:20])!r}: expected codes from 200 on, for example 201, 4xx")
        found.append((first, last))
    return tuple(sorted(found))


def check_headers(headers: Mapping[str, str]) -> tuple[tuple[str, Template], ...]:
    """Names and templates of values. Raises ValueError in words, which never have a value in them: it may be secret."""
    read = []
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"invalid header name {printable(name[:40])!r}: expected letters, digits and hyphens")
        if name.lower() in {"content-length", "transfer-encoding", "connection"}:
            raise ValueError(f"header {name}: trafficgen sets it itself (from the body, and by --no-keepalive)")
        if any(c in value for c in "\r\n\0"):
            raise ValueError(f"header {name}: expected one line")
        read.append((name, parse_template(value)))
    return tuple(read)


def check_fields(target: Target, captured: tuple[str, ...] = ()) -> None:
    """Every field must be known: drawn, or captured before. Raises ValueError in words."""
    for text in target.texts:
        for one in fields(text):
            if isinstance(one, Captured) and one.name not in captured:
                raise ValueError(unknown(one.name, captured))


def check_name(name: str) -> str:
    """The name itself. Raises ValueError in words."""
    if not (0 < len(name) <= MAX_NAME and name.isprintable()):
        raise ValueError(f"invalid name: expected 1 to {MAX_NAME} printable characters")
    return name


def default_name(method: str, path: str) -> str:
    """What a target without a name is called."""
    name = path if method == "GET" else f"{method} {path}"
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."
