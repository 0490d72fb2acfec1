"""JSON of hostile strings may be printed, and reads back as it was."""

import json

from hypothesis import given
from hypothesis import strategies as st

from foundation.jsontext import escape_json, json_text
from foundation.terminal import printable_text

TEXTS = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(TEXTS, TEXTS), st.sampled_from([0, 2]))
def test_what_is_written_is_printable_and_reads_back(value, indent):
    text = json_text(value, indent=indent)
    assert text == printable_text(text)
    assert json.loads(text) == value


def test_surrogates_of_file_names_are_escaped():
    assert json.loads(escape_json('"\udcff\x9b"')) == "\udcff\x9b"
