"""Templates find names on a page, and no page makes them slow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.template import compile_pointer, compile_template


@pytest.mark.parametrize(
    ("template", "text", "want"),
    [
        ("queue", "queue", {}),
        ("queue", "queues", None),
        ("{code:d}s", "200s", {"code": "200"}),
        ("{code:d}s", "times", None),
        ("{pool} / {kind:d}", "a b / 7", {"pool": "a b", "kind": "7"}),
        ("{x}", "", None),
        ("a.b*[c]", "a.b*[c]", {}),
        ("a.b", "axb", None),
        ("{x}", "y" * 201, None),
    ],
)
def test_templates_by_example(template, text, want):
    assert compile_template(template).match(text) == want


@pytest.mark.parametrize("text", ["{", "}", "{Code}", "{code:x}", "{}", "{{code}}", "{a}{a}", "{a}{b}{c}{d}{e}"])
def test_what_is_no_template_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a template|a duplicate placeholder|more than 4"):
        compile_template(text)


@given(st.dictionaries(st.sampled_from("abcd"), st.text(min_size=1, max_size=9), min_size=1))
def test_what_is_put_in_comes_out(values):
    template = "<|>".join(f"{{{name}}}" for name in values)
    text = "<|>".join(values.values())
    found = compile_template(template).match(text)
    assert found is not None
    assert "<|>".join(found.values()) == text


def test_pointers_follow_rfc_6901():
    steps = compile_pointer("/a~1b/m~0n//{pool}")
    assert [step.match(text) for step, text in zip(steps, ["a/b", "m~n", "", "x"], strict=True)] == [
        {},
        {},
        {},
        {"pool": "x"},
    ]


@pytest.mark.parametrize("text", ["", "a/b", "/{a}/{a}", "/{a}/{b}/{c}/{d}/{e}"])
def test_what_is_no_pointer_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a JSON pointer|duplicate placeholder"):
        compile_pointer(text)
