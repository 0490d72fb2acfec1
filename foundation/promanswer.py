"""Prometheus' answers to a query over a range, read in one place."""

import msgspec

from foundation.errors import BadRecord
from foundation.jsonread import read_json


class Series(msgspec.Struct, frozen=True):
    """Labels, and values by Unix time in seconds, as text."""

    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType", default="")
    result: list[Series] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


def read_matrix(status: int, body: bytes) -> list[Series]:
    """The series of an answer with this HTTP status. Raises ValueError that says why it has none.

    An answer with a warning is refused: a part of the series may be absent, and would look as if nothing had been
    measured.
    """
    try:
        answer = read_json(body, _Answer)
    except BadRecord as exc:
        start = " ".join(body[:100].decode("utf-8", "replace").split())
        raise ValueError(f"answered {status}, but not as Prometheus does: {start!r}") from exc
    if answer.status != "success" or answer.data is None:
        raise ValueError(f"refuses the query: {answer.error or f'status {answer.status!r}, code {status}'}")
    if answer.warnings:
        raise ValueError(f"only a part of an answer: {answer.warnings[0]}")
    if answer.data.kind != "matrix":
        raise ValueError(f"expected series over time, got {answer.data.kind or 'nothing'}")
    return answer.data.result
