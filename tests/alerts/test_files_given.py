"""Whatever stands in a file that somebody gives to a command: one error that names the file, and nothing is written."""

import click
import pytest
from click.testing import CliRunner

from alerts.cli import main
from alerts.rulefiles import HERE
from alerts.slo.model import read_service_levels
from alerts.slo.openslo import documents
from foundation.errors import TidewatchError

COMMANDS = {
    "generate": "slo generate --output OUT --slo FILE",
    "import": "slo import --output OUT FILE",
    "export": "slo export --output OUT --slo FILE",
    "receiver": "receiver --port 0 --planned FILE",
}
CONTENTS = {
    "empty": b"",
    "garbage": b"\x00\xff\xfegarbage: [",
    "text": b"Nov 26 06:40:11 host app: started\n",
    "brackets": b"[" * 100_000,
    "large": b"- a: 1\n" * 700_000,
    "another": b"groups: []\n",
}


def invoked(command, path, out):
    words = {"FILE": str(path), "OUT": str(out)}
    return CliRunner().invoke(
        main, [words.get(word, word) for word in COMMANDS[command].split()], standalone_mode=False
    )


def said(done, code=2):
    """The one line for the user. A bug is raised."""
    if not isinstance(done.exception, (TidewatchError, click.ClickException)):
        raise done.exception
    assert done.exception.exit_code == code
    return getattr(done.exception, "message", str(done.exception))


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_holds_something_else_is_one_error(tmp_path, command, content):
    path, out = tmp_path / "given", tmp_path / "out"
    path.write_bytes(CONTENTS[content])
    line = said(invoked(command, path, out))
    assert "\n" not in line
    assert str(path) in line
    assert not out.exists()


@pytest.mark.parametrize("name", ["none", "folder", "/dev/zero"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_file_is_one_error(tmp_path, command, name):
    (tmp_path / "folder").mkdir()
    line = said(invoked(command, tmp_path / name, tmp_path / "out"), code=2 if name == "/dev/zero" else 3)
    assert "\n" not in line
    assert str(tmp_path / name) in line


@pytest.mark.parametrize("command", ["generate", "import", "export"])
def test_what_is_read_is_not_replaced(tmp_path, command):
    """By whichever of its names."""
    path, link = tmp_path / "given", tmp_path / "link"
    objectives = (HERE / "slo.yml").read_text()
    path.write_text(documents(read_service_levels()) if command == "import" else objectives)
    before = path.read_bytes()
    link.symlink_to(path)
    assert "is the input; name another file" in said(invoked(command, path, link))
    assert path.read_bytes() == before
    assert invoked(command, path, tmp_path / "out").exception is None
    assert (tmp_path / "out").stat().st_size > 0
