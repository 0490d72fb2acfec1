"""A large JSON array to its elements, a slice at a time. Pure.

One call that decodes a whole document holds the interpreter until it is done, and all of it in memory. Here no call
decodes more than `SLICE_BYTES`, so that other threads can run between two of them.
"""

import re
from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeVar

import msgspec

from foundation.errors import BadRecord
from foundation.jsonread import JSON_ERRORS, why_not_json

T = TypeVar("T")

SLICE_BYTES = 64 << 10
"""Decoded in well under a millisecond; no element may be longer."""

_SPACE = b" \t\r\n"
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_PLACE = re.compile(r"\$\[(\d+)\]")
_BYTE = re.compile(r"\(byte (\d+)\)")


class ArraySlices(Generic[T]):
    """The elements of an array of objects, as its text comes."""

    def __init__(self, kind: type[T]) -> None:
        """`kind`: what each element is decoded to, a msgspec Struct for example."""
        self._decoder: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        self._text = b""
        self._next: Literal["[", "element or ]", "element", ", or ]", "end"] = "["
        self._elements = self._bytes = 0

    def feed(self, text: bytes) -> Iterator[list[T]]:
        """The elements that are whole by now. Raises BadRecord."""
        self._text += text
        while True:
            self._pass_marks()
            if self._next == "end" or len(self._text) < SLICE_BYTES:
                return
            yield self._slice()

    def finish(self) -> Iterator[list[T]]:
        """The last elements. Raises BadRecord, also where the array does not end."""
        if self._next in {"element or ]", "element"}:
            yield self._decoded(b"[" + self._text)
        elif self._next != "end":
            raise BadRecord("json", f"expected {self._next}, and the text ends")

    def _pass_marks(self) -> None:
        """Skip the text between elements, and before and after them."""
        while self._drop(len(self._text) - len(self._text.lstrip(_SPACE))):
            mark = self._text[:1]
            if self._next == "[" and mark == b"[":
                self._next = "element or ]"
            elif self._next == ", or ]" and mark == b",":
                self._next = "element"
            elif self._next in {", or ]", "element or ]"} and mark == b"]":
                self._next = "end"
            elif self._next == "element or ]" or (self._next == "element" and mark != b"]"):
                return
            else:
                got = f"got {mark.decode('latin-1')!r} (byte {self._bytes})"
                raise BadRecord("json", f"JSON is malformed: expected {self._next}, {got}")
            self._drop(1)

    def _slice(self) -> list[T]:
        """The elements of the next slice."""
        window = self._text[:SLICE_BYTES]
        end = window.rfind(b"}") + 1
        try:  # text that is cut inside of an element does not decode
            found = self._decoder.decode(b"[" + window[:end] + b"]")
        except JSON_ERRORS:
            end = _last_end(window)
            found = self._decoded(b"[" + window[:end] + b"]")
        if not end:
            raise BadRecord("json", f"$[{self._elements}]: expected an object of less than {SLICE_BYTES} bytes")
        self._elements += len(found)
        self._next = ", or ]"
        self._drop(end)
        return found

    def _drop(self, size: int) -> bool:
        """Skip a number of bytes. Returns whether there are more."""
        self._bytes += size
        self._text = self._text[size:]
        return bool(self._text)

    def _decoded(self, text: bytes) -> list[T]:
        try:
            return self._decoder.decode(text)
        except JSON_ERRORS as exc:
            raise BadRecord("json", self._moved(why_not_json(exc))) from exc

    def _moved(self, reason: str) -> str:
        """`reason` with its places counted from the start of the whole."""
        reason = _PLACE.sub(lambda found: f"$[{int(found[1]) + self._elements}]", reason, count=1)
        return _BYTE.sub(lambda found: f"(byte {int(found[1]) + self._bytes - 1})", reason)


def _last_end(window: bytes) -> int:
    """Where the last whole element of the array ends; 0 where none does."""
    depth = end = 0
    for token in _TOKEN.finditer(window):
        mark: Any = token[0]
        if mark in {b"{", b"["}:
            depth += 1
        elif mark in {b"}", b"]"}:
            depth -= 1
            if depth < 0:
                break
            end = token.end() if not depth else end
    return end
