"""JSON from outside may be cut, bytes, or nested 10,000 deep: whoever catches one fault of it catches all of them."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("foundation", "timeserver", "trafficgen", "exporter", "dashboards", "alerts")


def test_who_catches_a_fault_of_json_catches_all_of_them():
    found = []
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        text = path.read_text()
        if "json.decode" in text:
            found += [
                (
                    f"{path.relative_to(ROOT)}:{tried.lineno}",
                    [ast.unparse(one.type) for one in tried.handlers if one.type],
                )
                for tried in ast.walk(ast.parse(text))
                if isinstance(tried, ast.Try)
                and any("msgspec.json.decode(" in ast.unparse(line) for line in tried.body)
            ]
    assert len(found) > 10
    assert [where for where, caught in found if not any("JSON_ERRORS" in kind for kind in caught)] == []
