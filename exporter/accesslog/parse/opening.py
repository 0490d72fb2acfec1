"""Extracts the lines inside envelopes: joins parts, separates standard error, and finds the envelope of a log.

The state between two batches is bounded, and saved with the log's position: parts of a line whose end has not
come yet, and which envelope was found at which path.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from exporter.accesslog.formats.envelope import (
    DEEPEST,
    LOOSE,
    OPENERS,
    USUAL,
    Chain,
    Envelope,
    EnvelopeSetting,
    Lines,
    chain,
    joined,
    setting_of,
)
from exporter.accesslog.formats.envelopes.opened import Opened, Opener
from exporter.accesslog.tally import COUNT, NO_ANSWER, Key, Tally, pieces, unmarked

LINE_BYTES = 1 << 20
"""A longer line is dropped and counted, as in followed logs."""
PARTS_BYTES = 4 << 20
"""Maximum bytes of all parts together; beyond it the oldest part counts as a line too long."""
DOCKER_PART_BYTES = 1 << 14
"""Docker ends a part here. A shorter part without a line feed is the last output of a program before it ended."""

_PATHS = 20_000  # whose envelope is remembered: more than are followed
_SAMPLE_LINES = 50
_PIECE_BYTES = 1 << 16  # opened at once if it is as usual
_METHOD = re.compile(rb"[A-Za-z][A-Za-z-]{0,19}")

Tallier = Callable[[bytes], Tally]
"""Counts lines that are in no envelope, and remembers nothing of them."""


class Inside(NamedTuple):
    """What was in envelopes: whole lines, those of the standard error, and how many lines were too long."""

    lines: bytes
    errors: bytes
    too_long: int


def counted(lines: Tally, errors: Tally, too_long: int) -> Tally:
    """What came of an `Inside`. Programs may write requests to their standard error; what else is there is not bad."""
    lines.lines += too_long
    if too_long:
        lines.failed["too_long"] = too_long
    errors.failed.clear()
    errors.bad.clear()
    lines.merge(errors)
    return lines


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The state of envelopes, by path. A part (by path and stream) that is None belongs to a line too long."""

    envelopes: dict[str, EnvelopeSetting] = {}
    parts: dict[tuple[str, str], bytes | None] = {}


class Opening:
    """Opens the envelopes of one source's logs."""

    def __init__(self, setting: EnvelopeSetting, try_format: Tallier, kept: Kept | None = None) -> None:
        """`try_format`: what the format makes of lines."""
        self._setting = setting
        self._try_format = try_format
        self.kept = kept or Kept()

    def envelopes(self, data: bytes, path: str) -> Chain:
        """The envelopes of the log at `path`; where they are not known yet, these lines decide, if they can."""
        if self._setting != "auto":
            return chain(self._setting)
        known = self.kept.envelopes.get(path)
        if known is None:
            known, is_sure = decide(first_lines(data), self._try_format)
            if is_sure:
                self._remember(path, known)
        return chain(known)

    def known(self, path: str) -> Chain:
        """The envelopes of the log at `path`, as far as they have been found."""
        return self.envelopes(b"", path)

    def is_settled(self, path: str) -> bool:
        """Whether the envelopes of the log at `path` will not change any more."""
        return self._setting != "auto" or path in self.kept.envelopes

    def waits(self, path: str) -> bool:
        """Whether a part of a line waits for its end."""
        return any(one.partition("\0")[0] == path for one, _ in self.kept.parts)

    def open(self, data: bytes, path: str, envelopes: Chain) -> Inside:
        """The lines inside of `data`, which are whole; a line without an envelope is read as it is."""
        inside = Inside(data, b"", 0)
        for depth, envelope in enumerate(envelopes):
            inside = self._open_more(inside, _at_depth(path, depth), envelope)
        return inside

    def _open_more(self, inside: Inside, path: str, envelope: Envelope, *, ends: bool = False) -> Inside:
        """What is in one envelope more. What came from the standard error stays so."""
        found = Inside(b"", b"", inside.too_long)
        for data, place, is_error in ((inside.lines, path, False), (inside.errors, f"{path}{_OF_ERRORS}", True)):
            stream = self.begin(place, envelope)
            lines = b"".join(joined(lines, end) for lines, end in stream.each(data))
            lines += b"".join(stream.finish()) if ends else b""
            errors = b"".join(stream.errors)
            found = Inside(
                found.lines + (b"" if is_error else lines),
                found.errors + (lines if is_error else b"") + errors,
                found.too_long + stream.too_long,
            )
        return found

    def begin(self, path: str, envelope: Envelope) -> "Stream":
        """What opens lines of the log at `path`, some at a time."""
        return Stream(self.kept.parts, path, envelope, self._is_request if envelope == "docker" else None)

    def finish(self, path: str) -> Inside:
        """Lines without an end, when the file is complete."""
        inside = Inside(b"", b"", 0)
        for depth, envelope in enumerate(self.known(path) or ("docker",)):
            inside = self._open_more(inside, _at_depth(path, depth), envelope, ends=True)
        return inside

    def _is_request(self, line: bytes) -> bool:
        return bool(self._try_format(line + b"\n").hits)

    def _remember(self, path: str, envelope: EnvelopeSetting) -> None:
        envelopes = self.kept.envelopes
        envelopes[path] = envelope
        while len(envelopes) > _PATHS:
            del envelopes[next(iter(envelopes))]


_OF_ERRORS = "\0errors"


def _at_depth(path: str, depth: int) -> str:
    """Where parts wait that are inside of so many envelopes."""
    return f"{path}\0{depth}" if depth else path


class Stream:
    """Lines without their envelopes; parts wait for their ends in `parts`.

    errors: lines of the standard error so far; too_long: how many lines were, so far.
    """

    def __init__(
        self,
        parts: dict[tuple[str, str], bytes | None],
        path: str,
        envelope: Envelope | None = None,
        is_whole: Callable[[bytes], bool] | None = None,
    ) -> None:
        """`is_whole`: whether a part may be a line after all, where the envelope does not say that it goes on."""
        self.errors: list[bytes] = []
        self.too_long = 0
        self._lines: list[bytes] = []
        self._parts, self._path, self._envelope, self._is_whole = parts, path, envelope, is_whole

    def each(self, data: bytes) -> Iterator[tuple[Lines, str]]:
        """The lines inside of `data`, which are whole, some at a time, and what end they lack."""
        assert self._envelope is not None
        data = unmarked(data)
        for piece in pieces(data if data.endswith(b"\n") else data + b"\n", _PIECE_BYTES) if data else ():
            waits = any(path == self._path for path, _ in self._parts)
            usual = None if waits else USUAL[self._envelope](piece)
            if usual is None:
                yield self._each(piece[:-1].split(b"\n"), OPENERS[self._envelope]), ""
            else:
                self.errors.append(joined(usual.errors, usual.end))
                yield usual.lines, usual.end

    def _each(self, lines: list[bytes], open_line: Opener) -> list[bytes]:
        for line in lines:
            opened = open_line(line)
            if opened is None:
                self._lines.append(line + b"\n")
            else:
                self._add(opened)
        return self._taken()

    def _taken(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        return lines

    def finish(self) -> list[bytes]:
        """Lines without an end."""
        self._is_whole = None
        for key in [key for key in self._parts if key[0] == self._path]:
            self._add(Opened(b"", stream=key[1], is_error=key[1] == "stderr"))
        return self._taken()

    def _add(self, opened: Opened) -> None:
        key = self._path, opened.stream
        if not opened.more and key not in self._parts:
            (self.errors if opened.is_error else self._lines).append(opened.text + b"\n")
            return
        before = self._parts.pop(key, b"")
        if before and self._is_whole and len(before) < DOCKER_PART_BYTES and self._is_whole(before):
            self._put(before, opened)
            before = b""
        whole = None if before is None or len(before) + len(opened.text) > LINE_BYTES else before + opened.text
        if not opened.more:
            self._put(whole, opened)
            return
        self._parts[key] = whole
        while sum(len(part or b"") for part in self._parts.values()) > PARTS_BYTES:
            oldest = next(one for one, part in self._parts.items() if part)
            self._parts[oldest] = None

    def _put(self, line: bytes | None, opened: Opened) -> None:
        if line is None:
            self.too_long += 1
        else:
            (self.errors if opened.is_error else self._lines).append(line + b"\n")


def split(data: bytes) -> list[bytes]:
    """The lines of `data` without their line feeds."""
    data = unmarked(data)
    return data.removesuffix(b"\n").split(b"\n") if data else []


def first_lines(data: bytes) -> bytes:
    """As many as a decision needs."""
    end = 0
    for _ in range(_SAMPLE_LINES):
        at = data.find(b"\n", end)
        if at < 0:
            return data
        end = at + 1
    return data[:end]


def nested(lines: list[bytes], least: float) -> Iterator[Chain]:
    """The envelopes that lines may be in, those with fewer first; `least`: the share of lines that must be in each."""
    some: list[tuple[Chain, list[bytes]]] = [((), lines)]
    for _ in range(DEEPEST):
        deeper: list[tuple[Chain, list[bytes]]] = []
        for outer, texts in some:
            for envelope, open_line in OPENERS.items():
                inner = [found.text for text in texts if (found := open_line(text)) is not None]
                if inner and len(inner) >= least * len(texts):
                    deeper.append(((*outer, envelope), inner))
        yield from (one for one, _ in deeper)
        some = deeper


def decide(sample: bytes, try_format: Tallier) -> tuple[EnvelopeSetting, bool]:
    """The envelopes of a log that begins with these lines, and whether any line fits, so that it is certain.

    A format that was written for the whole line keeps its meaning: an envelope is opened only if every request that is
    found in the whole lines is found inside of them too, the same; a loose one only if more lines are read then.
    """
    whole = _requests(outside := try_format(sample))
    lines = split(sample)
    seems: Chain = ()
    best: Chain = ()
    best_score = _score(outside)
    for envelopes in nested(lines, 1 / max(1, len(lines))):
        is_loose = not LOOSE.isdisjoint(envelopes)
        seems = seems or (() if is_loose else envelopes)
        inside = Opening("none", try_format).open(sample, "", envelopes)
        tally = try_format(inside.lines + inside.errors)
        hits = _requests(tally)
        if not hits or not all(_holds(hits.get(key, []), numbers) for key, numbers in whole.items()):
            continue
        if _score(tally) > best_score or not (best or is_loose):
            best, best_score = envelopes, _score(tally)
    return (setting_of(best), True) if best or whole else (setting_of(seems), False)


def _score(tally: Tally) -> int:
    return sum(numbers[COUNT] for numbers in _requests(tally).values()) - sum(tally.failed.values())


def _requests(tally: Tally) -> dict[Key, list[int]]:
    """Lines that are certainly requests: a loose format may find a code and a method in any text, but no answer."""
    return {key: one for key, one in tally.hits.items() if key[2] != NO_ANSWER and _METHOD.fullmatch(key[0])}


def _holds(numbers: list[int], less: list[int]) -> bool:
    return len(numbers) == len(less) and all(a >= b for a, b in zip(numbers, less, strict=True))
