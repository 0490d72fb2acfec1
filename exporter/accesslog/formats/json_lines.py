"""Many lines of JSON, decoded at once: a third less than one after another. Pure."""

from typing import TypeVar

import msgspec

_T = TypeVar("_T")


def decoded(piece: bytes, decoder: msgspec.json.Decoder[_T]) -> list[_T] | None:
    """One object of each line, where each line is one, without blanks around it. Raises what the decoder raises.

    The decoder takes any blanks for the end of a line. But no object goes on after a line that ends in a brace where
    the next begins with one, so with as many objects as lines, each line is one.
    """
    lines = piece.count(b"\n")
    if not (piece.startswith(b"{") and piece.endswith(b"}\n") and piece.count(b"}\n{") == lines - 1):
        return None
    found = decoder.decode_lines(piece)
    return found if len(found) == lines else None
