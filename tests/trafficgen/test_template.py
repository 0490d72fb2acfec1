"""Texts with fields: what is a field, what is text, and what is said of a field that does not exist."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficgen.targets.template import Captured, Cell, Random, Secret, Seq, Uuid, escaped, parse_template


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", ()),
        ("/", ("/",)),
        ("/{uuid}/x", ("/", Uuid(), "/x")),
        ("{seq}{seq}", (Seq(), Seq())),
        ("{random 1 1000}", (Random(1, 1000),)),
        ("{random  -5  5}", (Random(-5, 5),)),
        ("{csv:users.csv:email}", (Cell("users.csv", "email", in_order=False),)),
        ("{csv:a/b c.csv:E Mail:next}", (Cell("a/b c.csv", "E Mail", in_order=True),)),
        ("Bearer ${env:TOKEN}", ("Bearer ", Secret("env", "TOKEN"))),
        ("${file:/run/secrets/t}", (Secret("file", "/run/secrets/t"),)),
        ("${uuid}", ("$", Uuid())),
        ("{token}", (Captured("token"),)),
        ("{{token}}", ("{token}",)),
        ('{"a": {"b": "{uuid}"}}', ('{"a": {"b": "', Uuid(), '"}}')),
        ('{ "a": 1 }', ('{ "a": 1 }',)),
        ("{}", ("{}",)),
        ("{\n  x: 1\n}", ("{\n  x: 1\n}",)),
        ("{1}", ("{1}",)),
    ],
)
def test_a_word_in_braces_is_a_field_and_all_else_is_text(text, want):
    assert parse_template(text) == want


_TEXT = st.text(st.characters(exclude_characters="{}"))


@settings(max_examples=40)
@given(st.recursive(st.none() | st.integers() | _TEXT, lambda t: st.lists(t) | st.dictionaries(_TEXT, t)))
def test_json_is_text_as_it_stands(value):
    text = json.dumps(value)
    assert "".join(parse_template(text)) == text


@given(st.lists(st.sampled_from(["{", "}", "{{", "}}", "$", "uuid", "env:A", "random 1 2", " ", '"', "\n", "x"])))
def test_any_text_can_be_escaped(words):
    text = "".join(words)
    assert "".join(parse_template(escaped(text))) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{uid v4}", r"unknown field {uid v4}; did you mean {uuid}\?"),
        ("{random 1}", r"unknown field {random 1}; did you mean {random 1 1000}\?"),
        ("{rand 1 2}", r"did you mean {random 1 1000}\?"),
        ("{random 5 1}", "the smaller one first"),
        ("{random 1 99999999999999999999}", r"did you mean {random 1 1000}\?"),
        ("{csv:users.csv}", r"did you mean {csv:users.csv:email}\?"),
        ("{csv}", r"did you mean {csv:users.csv:email}\?"),
        ("{return x}", r"for the text itself write {{return x}}"),
        ("{seq}" * 201, "more than 200 fields"),
    ],
)
def test_what_is_not_a_field_is_refused_with_what_would_be_right(text, said):
    with pytest.raises(ValueError, match=said):
        parse_template(text)
