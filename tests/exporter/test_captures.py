"""Parts of files' names as fields: which glob a path with captures is, and what each capture stands for."""

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.captures import Captures, _captured, glob_of

CONTAINERS = "/var/log/containers/{pod}_{namespace}_{container}-*.log"


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [
        (CONTAINERS, "/var/log/containers/?*_?*_?*-*.log"),
        ("/var/log/{app}/access.log", "/var/log/?*/access.log"),
        ("/var/log/app.log", "/var/log/app.log"),
        ("/var/log/[{]a[}]-{n}.log", "/var/log/[{]a[}]-?*.log"),
    ],
)
def test_a_capture_is_one_character_or_more(pattern, glob):
    assert glob_of(pattern) == glob


@pytest.mark.parametrize(
    ("patterns", "path", "captured"),
    [
        ([CONTAINERS], "/var/log/containers/web-5f_shop_my-app-0a1b.log", ("web-5f", "shop", "my-app")),
        ([CONTAINERS], "/var/log/containers/web-5f_shop_my-app-0a1b.log.1", ("web-5f", "shop", "my-app")),
        ([CONTAINERS], "/var/log/containers/web-5f_shop_my-app-0a1b.log.2.gz", ("web-5f", "shop", "my-app")),
        ([CONTAINERS], "/elsewhere/web-5f_shop_my-app-0a1b.log", ("", "", "")),
        ([CONTAINERS], "/var/log/containers/web_shop.log", ("", "", "")),
        ([CONTAINERS], "", ("", "", "")),
        (["/var/log/{app}/{host}.log"], "/var/log/shop/a.example.log", ("shop", "a.example")),
        (["/a/{x}.log", "/b-{x}/y.log"], "/b-2/y.log", ("2",)),
        (["/a/{x}-{y}.log", "/b/{y}-{x}.log"], "/b/1-2.log", ("2", "1")),
        (["/a/{x}_*.log"], "/a/1_2_3.log", ("1_2",)),
        (["/a/*_{x}.log"], "/a/1_2_3.log", ("3",)),
        (["/a/?{x}[0-9].log"], "/a/app12.log", ("pp1",)),
        (["/a/[{]{x}[}].log"], "/a/{b}.log", ("b",)),
        (["logs//{x}.log"], "logs/b.log", ("b",)),
        (["/a/{x}.log"], "/a/b\udcff.log", ("b\ufffd",)),
        (["/a/{x}.log"], "/a/b\nc.log", ("b\nc",)),
        (["/a/b.log"], "/a/b.log", ()),
    ],
)
def test_what_captures_stand_for(patterns, path, captured):
    assert Captures(patterns).of(path) == captured


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["/a/{}.log"], "/a/{}.log: invalid capture '{}': expected a name in braces, for example {pod}"),
        (["/a/{a,b}.log"], "invalid capture '{a,b}': expected a name in braces, for example {pod}"),
        (
            ["/a/{b.log"],
            "invalid capture '{': expected a name in braces, for example {pod}; a brace itself is written [{]",
        ),
        (["/a/b}.log"], "a brace itself is written [}]"),
        (["/a/{b/c}.log"], "invalid capture '{'"),
        (["/a/{x}{y}.log"], "/a/{x}{y}.log: expected text between {x} and {y}"),
        (["/a/{x}/{x}.log"], "/a/{x}/{x}.log: duplicate capture {x}"),
        (["/a/{x}.log", "/b/*.log"], "/b/*.log: has none, and /a/{x}.log has {x}; give all paths the same captures"),
        (["/a/*.log", "/b/{x}.log"], "/b/{x}.log: has {x}, and /a/*.log has none"),
        (["/a/" + "-".join(f"{{n{n}}}" for n in range(17))], "17 captures; expected at most 16"),
    ],
)
def test_a_capture_that_is_none_is_refused_with_what_would_be_right(patterns, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Captures(patterns)


TOKENS = st.lists(st.sampled_from(["a", "-", "_", ".", "*", "?", "[ab]", "[!a]"]), max_size=4).map("".join)


@given(TOKENS, TOKENS, TOKENS, st.text("ab-_.", max_size=9))
def test_what_the_glob_matches_has_captures_and_nothing_else_has(before, between, after, name):
    """The oracle: a regex made by hand, which tries everything; captures are never empty where the glob matches."""
    pattern = f"{before}{{x}}{between or '-'}{{y}}{after}"
    captured = Captures([f"/d/{pattern}"])._patterns[0][1]
    regexes = {"*": ".*", "?": ".", "[ab]": "[ab]", "[!a]": "[^a]", "{x}": "(?P<x>.+)", "{y}": "(?P<y>.+)"}
    tokens = re.findall(r"\*|\?|\[ab\]|\[!a\]|\{.\}|.", pattern)
    wanted = re.fullmatch("".join(regexes.get(token, re.escape(token)) for token in tokens), name)
    found = _captured(captured, ["d", name])
    assert (found is not None) == fnmatch.fnmatchcase(name, glob_of(pattern)) == (wanted is not None)
    assert found is None or wanted is None or found == wanted.groupdict()


def test_a_name_made_to_be_taken_apart_in_many_ways_takes_no_time():
    """Sixteen captures, a name of 255 characters: by backtracking there would be 10**25 ways to try."""
    captures = Captures(["/a/" + "_".join(f"{{n{n}}}" for n in range(16)) + "_x"])
    assert captures.of("/a/" + "_" * 252 + "_y") == ("",) * 16
    assert captures.of("/a/" + "_" * 252 + "_x") == ("_" * 222, *["_"] * 15)
