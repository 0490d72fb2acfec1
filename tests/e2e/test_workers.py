"""Tests that share servers run on one worker, and the long ones beside each other."""

from pathlib import Path

import pytest
from workers import ByServers


def test_the_files_that_are_named_exist():
    here = {file.name for file in Path(__file__).parent.iterdir()}
    assert {*ByServers.together, *ByServers.together.values(), *ByServers.apart} <= here


@pytest.mark.parametrize(
    ("nodes", "scopes"),
    [
        (["tests/e2e/test_circle.py::test_a", "tests/e2e/test_circle.py::test_b[1::2]"], 1),
        (["tests/e2e/test_web_policy.py::test_a", "tests/e2e/test_listening_table.py::test_b"], 1),
        (["tests/e2e/test_stack.py::test_a[x]", "tests/e2e/test_stack.py::test_a[y]"], 2),
        (["tests/exporter/test_cli.py::test_a", "tests/timeserver/test_app.py::test_a"], 2),
    ],
)
def test_tests_are_given_out_by_what_they_start(nodes, scopes):
    of = ByServers.__new__(ByServers)._split_scope
    assert len(set(map(of, nodes))) == scopes
