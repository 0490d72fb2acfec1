"""What is not said: tracebacks for the mistakes of others."""

import logging

import pytest
from aiohttp.http_exceptions import BadStatusLine

from foundation.logfmt import ClientErrors


@pytest.mark.parametrize(
    ("exc", "want"),
    [
        (BadStatusLine("x"), False),
        (ConnectionResetError(), False),
        (ConnectionRefusedError(), True),
        (KeyError(), True),
    ],
    ids=["no-http", "has-gone", "our-peer", "our-bug"],
)
def test_what_a_client_did_wrong_is_no_error_of_ours(exc, want):
    record = logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "", (), (type(exc), exc, None))
    assert ClientErrors().filter(record) is want
