"""Sends figures to Ganglia, like gmetric: one datagram that describes a metric, one with its value.

The format is gmond's protocol of version 3.1 and later, in XDR (RFC 4506): big-endian words, texts with their length
before them and filled up to a multiple of four.
"""

import re
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from exporter.accesslog.report.rates import TOTAL, Figure
from foundation.errors import ConfigError, SourceError
from foundation.grammar import Address

_METADATA, _VALUE = 128, 133  # gmetadata_full, gmetric_string
_SLOPE_BOTH = 3
_GROUP = "tidewatch"
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")  # gmetad makes file names of metric names


class Ganglia:
    """Sends figures to one gmond. Not for use after `close`."""

    def __init__(self, address: Address, interval_s: float) -> None:
        """`interval_s` says how often figures come. Raises ConfigError."""
        try:
            family, kind, _, _, peer = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        except OSError as exc:
            raise ConfigError(f"--ganglia: {address.host}: {exc.strerror}") from exc
        self._peer: tuple[Any, ...] = peer
        self._socket = socket.socket(family, kind)
        self._host = socket.gethostname()
        self._interval_s = interval_s
        self._known: set[str] = set()

    def send(self, figures: Sequence[Figure]) -> None:
        """Send each figure; figures that were sent before and are missing now are sent as 0. Raises SourceError."""
        values: dict[str, float] = dict.fromkeys(self._known, 0.0)
        for figure in figures:
            name = metric_name(figure)
            values[name] = values.get(name, 0.0) + figure.per_s
        self._known = set(values)
        try:
            for name, value in values.items():
                for packet in packets(self._host, name, value, self._interval_s):
                    self._socket.sendto(packet, self._peer)
        except OSError as exc:
            raise SourceError(f"ganglia at {self._peer[0]}:{self._peer[1]}: {exc.strerror}") from exc

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def metric_name(figure: Figure) -> str:
    """`qps_blog_200`, `qps_root_200` for `/`, `qps_total`."""
    if figure.route == TOTAL and not figure.code:
        return "qps_total"
    return f"qps_{_UNSAFE.sub('_', figure.route).strip('_') or 'root'}_{figure.code}"


def packets(host: str, name: str, value: float, interval_s: float) -> Iterable[bytes]:
    """The two datagrams of one value. gmond forgets the metric after ten intervals without one."""
    head = _text(host) + _text(name) + _word(0)
    tmax_s = max(1, round(2 * interval_s))
    extra = (("GROUP", _GROUP), ("TITLE", f"{name} requests per second"))
    yield b"".join(
        (
            _word(_METADATA),
            head,
            _text("double"),
            _text(name),
            _text("requests/s"),
            _word(_SLOPE_BOTH),
            _word(tmax_s),
            _word(5 * tmax_s),
            _word(len(extra)),
            *(_text(part) for pair in extra for part in pair),
        )
    )
    yield _word(_VALUE) + head + _text("%s") + _text(f"{value:.6f}")


def _word(number: int) -> bytes:
    return struct.pack(">I", number)


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return _word(len(data)) + data + b"\0" * (-len(data) % 4)
