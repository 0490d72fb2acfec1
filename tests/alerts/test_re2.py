"""Which regexes are taken: those that Prometheus takes, as its own promtool says."""

import shutil
import subprocess

import pytest
import yaml

from alerts.export.site import quoted
from alerts.re2 import check_regex

TAKEN = [
    "",
    "shop",
    "shop|api-.+",
    ".*",
    r"a\.b",
    "(?i)a",
    "(?:a|b){2,3}",
    "[[:alpha:]]+",
    r"[(?=]x",
    r"a\++",
    r"\\1",
    *(r"\pL", r"a\z", r"\Qa(?<b\C\E", "a{1000}", "(?U)a+", "(?i)(?-i)a", "(?P<n>a)(?P<n>b)", r"\x{10FFFF}", r"[\pN]"),
    *(r"(?:\pL{30}){30}", r"[(?<]x", r"\\C", r"[[:alpha:](?<]x", "(" * 900 + ")" * 900),
]
REFUSED = [
    *("(", "[", "*", "(?=a)b", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", "a++", "(?>a)", "(?P<n>a)(?P=n)", "(?x)a"),
    *("a{2000}", "a{99999999999999}", r"a\Z", r"\[b(?=c)]"),
    *("((a{100}){100})", "[[:foo:]]", r"\é", r"\C", r"\\\C", "(?P<é>x)", r"\Qa\E\C"),
]
TOO_DEEP = "(" * 100_000 + ")" * 100_000


@pytest.mark.parametrize("text", TAKEN)
def test_a_regex_of_re2_is_taken(text):
    check_regex(text)


@pytest.mark.parametrize("text", [*REFUSED, TOO_DEEP], ids=[*REFUSED, "deep"])
def test_a_regex_that_prometheus_refuses_is_refused(text):
    with pytest.raises(ValueError, match=r"(?s)invalid regex .*for example"):
        check_regex(text)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on PATH")
def test_promtool_says_the_same(tmp_path):
    rules = [{"record": f"r{n}", "expr": f'a{{b=~"{quoted(text)}"}}'} for n, text in enumerate([*TAKEN, *REFUSED])]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    refused = [n for n in range(len(rules)) if f'"r{n}"' in done.stderr]
    assert refused == list(range(len(TAKEN), len(rules)))
