"""Names that others can foresee: a planted link is replaced by the feed's own file, never written through."""

import pytest
from click.testing import CliRunner

from trafficgen.cli import cli


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["hosting", "--output", ".", "--days", "0.01", "--speed", "max"], ["logs.json", "truth.json"]),
        (
            ["stores", "--output", ".", "--stores", "1", "--hours", "1"],
            ["menu_hours.csv", "timezones.csv", "store_status.csv", "truth.json"],
        ),
        (["releases", "--to", "stream.txt", "--duration", "2s"], ["truth.json"]),
    ],
    ids=["hosting", "stores", "releases"],
)
def test_a_planted_link_is_replaced(tmp_path, monkeypatch, arguments, names):
    monkeypatch.chdir(tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for name in names:
        (tmp_path / name).symlink_to(victim)
    result = CliRunner().invoke(cli, ["feed", *arguments])
    assert result.exit_code == 0, result.output
    assert victim.read_bytes() == b"precious"
    assert [name for name in names if (tmp_path / name).is_symlink()] == []
