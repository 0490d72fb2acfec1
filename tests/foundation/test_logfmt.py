"""What is not said: tracebacks for the mistakes of others."""

import logging

import pytest
from aiohttp.http_exceptions import BadStatusLine

from foundation.logfmt import FORMATS, ClientErrors, start_logging
from foundation.terminal import printable_text


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


@pytest.fixture
def root():
    """The root logger, given back as it was."""
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], level = before
    logger.setLevel(level)


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_client_sent_stays_on_its_line_and_does_not_act(form, root, capsys):
    start_logging("info", form)
    root.warning("asked for %s", "/\x1b]0;x\x07\x9b\u202e\r\n\x7f\udcff")
    text = capsys.readouterr().err
    assert text == printable_text(text)
    assert text.count("\n") == 1


def test_a_plain_word_needs_no_quotes(root, capsys):
    start_logging("info", "logfmt")
    root.info("läuft")
    assert capsys.readouterr().err.endswith(" msg=läuft\n")
