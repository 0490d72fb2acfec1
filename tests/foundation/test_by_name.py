"""What is made of more than five values is made by their names, so that no two of them can change places."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("foundation", "timeserver", "trafficgen", "exporter")
MOST = 5


def test_nothing_is_made_of_more_than_five_values_by_their_order():
    trees = {path: ast.parse(path.read_text()) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    classes = {node.name for _, node in nodes if isinstance(node, ast.ClassDef)}
    assert len(classes) > 100
    assert [
        f"{path}:{node.lineno}"
        for path, node in nodes
        if isinstance(node, ast.Call) and len(node.args) > MOST and getattr(node.func, "id", "") in classes
    ] == []
