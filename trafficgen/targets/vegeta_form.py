"""Targets in vegeta's form: a line `METHOD URL`, then headers, then `@FILE` with the body; a blank line between. Pure.

POST http://127.0.0.1:8080/orders
Content-Type: application/json
@order.json
"""

import re

from foundation.errors import ConfigError
from trafficgen.targets.described import BodyText, Described, DescribedFile

_REQUEST = re.compile(r"[A-Z]+\s+\S")
_EXPECTED = "expected METHOD URL, for example GET http://127.0.0.1:8080/"


def parse_vegeta(text: str, name: str) -> DescribedFile:
    """The targets of a file; each has the same weight. Raises ConfigError."""
    blocks: list[list[tuple[int, str]]] = []
    open_block = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith("#"):
            continue
        if not line:
            open_block = False
        elif not open_block or _REQUEST.match(line):
            if not _REQUEST.match(line):
                raise ConfigError(f"{name}:{number}: {_EXPECTED}")
            blocks.append([(number, line)])
            open_block = True
        else:
            blocks[-1].append((number, line))
    return DescribedFile([_described(block, name) for block in blocks], [])


def _described(block: list[tuple[int, str]], name: str) -> Described:
    (first, request), *rest = block
    method, url = request.split(maxsplit=1)
    headers: dict[str, str] = {}
    body = None
    for number, line in rest:
        if body is not None:
            raise ConfigError(f"{name}:{number}: a line after the body; expected a blank line between targets")
        if line.startswith("@"):
            body = BodyText("file", line[1:].strip())
            continue
        key, colon, value = line.partition(":")
        if not colon:
            raise ConfigError(f"{name}:{number}: expected a header 'Name: value', @FILE for the body, or a blank line")
        if key.strip().lower() in map(str.lower, headers):
            raise ConfigError(f"{name}:{number}: duplicate header {key.strip()[:40]}")
        headers[key.strip()] = value.strip()
    return Described(where=f"{name}:{first}", method=method, path=url, headers=headers, body=body)
