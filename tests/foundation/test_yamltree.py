"""YAML is read within bounds, as PyYAML reads it but for what the module says, and refused in one line."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from foundation.terminal import printable
from foundation.yamltree import MAX_DEPTH, MAX_NODES, Node, TreeError, read_tree


def plain(node: Node):
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    return [plain(child) for child in node.value] if isinstance(node.value, list) else node.value


def refusal(text):
    with pytest.raises(TreeError) as caught:
        read_tree(text)
    return f"{caught.value.line}: {caught.value}"


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9))
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


@given(TREES, st.booleans())
def test_a_tree_as_pyyaml_writes_it_is_read_back(tree, flow):
    assert plain(read_tree(yaml.safe_dump(tree, allow_unicode=False, default_flow_style=flow))) == tree


WORDS = st.sampled_from(
    [
        "a",
        "b",
        "&a ",
        "*a",
        "!!str ",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "<<",
        "1",
        ".nan",
        "'",
        '"',
        "|\n",
        "---\n",
        "\t",
        "#",
        "\\",
        "%",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map("".join)))
def test_any_text_is_a_tree_or_one_line(text):
    try:
        read_tree(text)
        said, line = "", 1
    except TreeError as exc:
        said, line = str(exc), exc.line
    assert said == printable(said)
    assert len(said) < 250
    assert 1 <= line <= text.count("\n") + text.count("\r") + 2 + sum(map(text.count, "\x85\u2028\u2029"))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("a: 2026-11-01\nb: 2026-11-01T00:00:00Z", {"a": "2026-11-01", "b": "2026-11-01T00:00:00Z"}),
        ("[1:30, 0500, 1e3, '5']", ["1:30", "0500", "1e3", "5"]),
        ("[1_000, 0x10, 1.5e+3, .inf, -7]", [1000, 16, 1500.0, float("inf"), -7]),
        ("{on: 1, 500: 2, ~: 3, 2026-11-01: 4}", {"on": 1, "500": 2, "~": 3, "2026-11-01": 4}),
        ("[yes, No, TRUE, off, yEs, '', ~]", [True, False, True, False, "yEs", "", None]),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x b\n*x : c", {"a": "b", "b": "c"}),
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}),
        ("[&a {x: 1}, &b {x: 2, y: 2}, {<<: [*a, *b]}]", [{"x": 1}, {"x": 2, "y": 2}, {"x": 1, "y": 2}]),
        ("\ufeffa: 1", {"a": 1}),
        ("", None),
        ("# nothing", None),
        ("---\n", None),
    ],
)  # fmt: skip
def test_what_plain_values_mean(text, want):
    assert plain(read_tree(text)) == want


def test_a_value_knows_the_line_of_its_key():
    tree: Any = read_tree("a: &x\n  b: 1\nc:\n  - *x\n  - d:\n      5\n")
    assert [child.line for child in tree.value.values()] == [1, 3]
    assert [item.line for item in tree.value["c"].value] == [4, 5]
    assert tree.value["c"].value[1].value["d"].line == 5


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("a: 1\nb: 2\na: 3", "3: duplicate key a, first on line 1"),
        ("x: {a: 1, 'a': 2}", "1: duplicate key a, first on line 1"),
        ("1: a\n'1': b", "2: duplicate key 1, first on line 1"),
        ("a:\n\t- b", "2: not YAML: found character that cannot start any token; indent with spaces, not with tabs"),
        (r'a: "\S+"', "1: not YAML: found unknown escape character; write a pattern in single quotes"),
        ("a: b: c", "1: not YAML: mapping values are not allowed in this context; write text that has a colon"),
        ("a: @b", "1: not YAML: found character that cannot start any token; write text that begins with @ in quotes"),
        ("a: *.log", "1: "),
        ("{a: /{b}}", "1: not YAML: did not find expected ',' or '}'; write text that contains { in quotes"),
        ("{a: 'x{y}', b: @c}", "1: not YAML: found character that cannot start any token; write text that begins"),
        ("a: *b", "1: *b: no such anchor before it; write text that begins with * in quotes"),
        ("a: &a [1, *a]", "1: *a: refers to itself without end"),
        ("? [a]\n: b", "1: expected text for a key, not a list or a mapping"),
        ("a: 1\n---\nb: 2", "2: expected one document; remove the line ---"),
        ("a: !!python/object/apply:os.system [x]", "1: tag python/object/apply:os.system does not apply: remove it"),
        ("a: !!timestamp 2026-11-01", "1: tag timestamp does not apply: remove it"),
        ("a: !!int x", "1: tag int does not apply: remove it"),
        ("a: !!set {x}", "1: tag set does not apply: remove it"),
        ("a: {<<: 5}", "1: expected a mapping, or a list of mappings, after <<"),
        ("a: 1\nb: \x07", "2: not YAML: the character U+0007 is not allowed; is this text?"),
        ("a: \0", "1: not YAML: the character U+0000 is not allowed; is this text?"),
        ("a: " + "9" * 5000, "1: a number of more than 4000 digits"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_line(text, want):
    assert refusal(text).startswith(want)


@given(st.sampled_from("[{"), st.text("abc/?&=-$", min_size=1, max_size=5), st.sampled_from(["{p: %s}", "[%s, x]"]))
def test_a_bracket_within_text_within_brackets_is_named(bracket, before, around):
    """Such as {path: /{word}}, wherever YAML itself gives up."""
    text = around % f"a{before}{bracket}word{'}' if bracket == '{' else ']'}"
    assert refusal(text).endswith(f"; write text that contains {bracket} in quotes")


@pytest.mark.parametrize("text", ["{a: b} c", "[a, {b: c}", "a: '{b' c", "{a: {b: c}, [d, {e: f}", 'a: "x{" y'])
def test_brackets_that_are_yamls_own_are_left_alone(text):
    assert "contains" not in refusal(text)


@pytest.mark.parametrize("text", ["[" * (MAX_DEPTH + 1), "[" + "1," * MAX_NODES + "1]"], ids=["deep", "large"])
def test_text_beyond_the_bounds_is_asked_about_by_its_own_name(text):
    with pytest.raises(TreeError, match=r"; is this a shopping list\?$"):
        read_tree(text, "is this a shopping list?")


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: *a{n - 1}}}\n" for n in range(1, 40)
)
TALL = "a0: &a0 [" + "[" * 40 + "]" * 41 + "\n" + "".join(f"a{n}: &a{n} [[[*a{n - 1}]]]\n" for n in range(1, 2000))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("[" * 3000 + "]" * 3000, "deeper than", id="flow"),
        pytest.param("[" * 1_000_000, "deeper than", id="flow-without-end"),
        pytest.param("{a: " * 100_000, "deeper than", id="mappings"),
        pytest.param("- " * 100_000 + "x", "deeper than", id="block"),
        pytest.param("? " * 100_000 + "x", "deeper than", id="keys"),
        pytest.param(TALL, "deeper than", id="aliases-upon-aliases"),
        pytest.param(LAUGHS, "more than", id="laughs"),
        pytest.param(MERGES, "more than", id="merges"),
        pytest.param("[" + "a," * MAX_NODES + "]", "more than", id="many", marks=pytest.mark.slow),
        pytest.param(
            "[[" + "], [".join(["a," * 1000] * (MAX_NODES // 900)) + "]]",
            "more than",
            id="many-in-lists",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_bomb_is_refused_at_once(text, want):
    assert want in refusal(text)


def test_the_deepest_tree_that_is_allowed_can_be_read():
    assert read_tree("[" * MAX_DEPTH + "]" * MAX_DEPTH).height == MAX_DEPTH
    assert "deeper than" in refusal("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    assert "deeper than" in refusal("[" * MAX_DEPTH + "x" + "]" * MAX_DEPTH)
