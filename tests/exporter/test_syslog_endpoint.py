"""Addresses that syslog messages are listened for at."""

import pytest

from exporter.sources.syslog.endpoint import Endpoint, endpoint
from exporter.sources.syslog.settings import Listen
from foundation.config import parse_config
from foundation.errors import ConfigError
from foundation.grammar import Address


@pytest.mark.parametrize(
    ("text", "want", "shown"),
    [
        ("udp://127.0.0.1:5514", Endpoint("udp", Address("127.0.0.1", 5514)), "udp://127.0.0.1:5514"),
        ("tcp://[::1]:0", Endpoint("tcp", Address("::1", 0)), "tcp://[::1]:0"),
        ("unix:/run/a.sock", Endpoint("unix", None, "/run/a.sock"), "unix:/run/a.sock"),
        ("unix:///run/a.sock", Endpoint("unix", None, "/run/a.sock"), "unix:/run/a.sock"),
        ("unix-stream:/run/a.sock", Endpoint("unix-stream", None, "/run/a.sock"), "unix-stream:/run/a.sock"),
    ],
)
def test_an_address_is_taken_apart(text, want, shown):
    assert endpoint(text) == want
    assert str(want) == shown


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("127.0.0.1:5514", "invalid address '127.0.0.1:5514': expected udp://HOST:PORT, tcp://HOST:PORT, unix:/PATH"),
        ("udp:127.0.0.1:5514", "invalid address 'udp:127.0.0.1:5514': expected udp://HOST:PORT"),
        ("http://127.0.0.1:1", "invalid address 'http://127.0.0.1:1': expected udp://HOST:PORT"),
        ("udp://:5514", "invalid address ':5514': expected HOST:PORT, for example 127.0.0.1:5514"),
        ("unix:run/a", "invalid address 'unix:run/a': expected an absolute path, for example unix:/run/access.sock"),
        ("unix:/" + "a" * 107, "expected a path of at most 107 bytes"),
    ],
)
def test_what_is_no_address_is_refused_with_what_would_be_right(text, want):
    with pytest.raises(ConfigError) as refused:
        parse_config(f"syslog: '{text}'", Listen)
    assert want in str(refused.value)


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("web", False)]
)
def test_an_address_that_others_reach_is_known(host, local):
    assert endpoint(f"udp://{host}:1").is_local is local


def test_a_mode_is_octal():
    with pytest.raises(
        ConfigError, match="invalid mode '999': expected three octal digits in quotes, for example '0660'"
    ):
        parse_config("{syslog: 'udp://127.0.0.1:1', mode: '999'}", Listen)
