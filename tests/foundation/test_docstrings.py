"""Public docstrings beyond what ruff asks: each public name has one, also inside functions and private classes, and a
constructor's parameters are told by it or by its class."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("alerts", "dashboards", "exporter", "foundation", "timeserver", "trafficgen")


@cache
def trees_of(package):
    """(path, tree) of each file, parsed once for all tests."""
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in sorted((ROOT / package).rglob("*.py"))]


def statements(tree):
    """The statements of a tree, nested ones too; their expressions are not looked at."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield node
            yield from statements(node)


def bare(tree):
    """(line, name) of each public class, function and method without a docstring, nested ones too.

    Overloads and setters are left out: the function that they belong to has it.
    """
    for node in statements(tree):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        belongs = any(re.search(r"\boverload$|\.setter$", ast.unparse(one)) for one in node.decorator_list)
        if not belongs and not ast.get_docstring(node):
            yield node.lineno, node.name


@pytest.mark.parametrize("package", PACKAGES)
def test_each_public_name_has_a_docstring(package):
    trees = trees_of(package)
    assert trees
    assert [f"{path}:{line}: {name}" for path, tree in trees for line, name in bare(tree)] == []


BARE = {
    "nested in a function": ('def a():\n  "A."\n  def b(): 0', [(3, "b")]),
    "nested in a private one": ("def _a():\n  async def b(): 0", [(2, "b")]),
    "method of a private class": ("class _A:\n  def b(self): 0", [(2, "b")]),
    "class": ("class A: 0", [(1, "A")]),
    "empty": ('def a():\n  ""', [(1, "a")]),
    "in a branch": ("try:\n  0\nexcept E:\n  match 0:\n    case 1:\n      def b(): 0", [(6, "b")]),
    "private": ("def _a():\n  def _b(): 0", []),
    "documented": ('class A:\n  "A."\n  def b(self):\n    "B."', []),
    "overload": ("@typing.overload\ndef a(): ...", []),
    "setter": ("class _A:\n  @b.setter\n  def b(self, b): 0", []),
    "property": ("class _A:\n  @property\n  def b(self): 0", [(3, "b")]),
}


@pytest.mark.parametrize("case", BARE)
def test_the_rule_for_names(case):
    source, want = BARE[case]
    assert list(bare(ast.parse(source))) == want


def untold(tree):
    """(line, class, parameters) of each constructor without a docstring whose class does not name all parameters.

    A class names one as `one` or as an entry `one:`. Private classes, and those inside functions, are left out.
    """
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        told = ast.get_docstring(node) or ""
        for made in node.body:
            if isinstance(made, ast.FunctionDef) and made.name == "__init__" and not ast.get_docstring(made):
                names = [one.arg for one in (*made.args.posonlyargs, *made.args.args[1:], *made.args.kwonlyargs)]
                missing = [name for name in names if not re.search(rf"`{name}`|\b{name}(?:, \w+)*:", told)]
                if missing:
                    yield made.lineno, node.name, missing


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_constructor_takes_is_told(package):
    found = [
        f"{path}:{line}: {name}({', '.join(missing)})"
        for path, tree in trees_of(package)
        for line, name, missing in untold(tree)
    ]
    assert found == []


CASES = {
    "told by the constructor": ('class A:\n  "Of a thing."\n  def __init__(self, a):\n    "With a."', []),
    "told by the class": ('class A:\n  "`a`: one. b, c: others."\n  def __init__(self, a, b, *, c):\n    0', []),
    "named by chance": ('class A:\n  "In a box."\n  def __init__(self, box):\n    0', [(3, "A", ["box"])]),
    "nothing to tell": ('class A:\n  "A thing."\n  def __init__(self):\n    0', []),
    "private": ("class _A:\n  def __init__(self, a):\n    0", []),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rule(case):
    source, want = CASES[case]
    assert list(untold(ast.parse(source))) == want
