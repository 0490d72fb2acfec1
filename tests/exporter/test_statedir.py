"""Where state is if nobody says."""

from pathlib import Path

import pytest

from exporter.statedir import state_dir
from foundation.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("environ", "root", "want"),
    [
        ({"STATE_DIRECTORY": "/var/lib/one:/var/lib/two", "XDG_STATE_HOME": "/s"}, True, "/var/lib/one"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/home/u"}, True, "/var/lib/tidewatch"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/home/u"}, False, "/s/tidewatch"),
        ({"XDG_STATE_HOME": "s", "HOME": "/home/u"}, False, "/home/u/.local/state/tidewatch"),
        ({"XDG_STATE_HOME": "", "HOME": "/home/u"}, False, "/home/u/.local/state/tidewatch"),
    ],
)
def test_the_folder_is_the_same_from_everywhere(environ, root, want, monkeypatch):
    monkeypatch.setenv("HOME", environ.get("HOME", "/"))
    assert state_dir(None, environ, root=root) == Path(want)
    assert state_dir("here", environ, root=root) == Path("here")


def test_state_in_the_folder_that_one_stands_in_is_gone_on_with(tmp_path):
    (tmp_path / ".tidewatch/state").mkdir(parents=True)
    assert state_dir(None, {}, root=True) == Path(".tidewatch/state")
    assert state_dir(None, {"STATE_DIRECTORY": "/var/lib/one"}, root=True) == Path("/var/lib/one")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(ConfigError, match=r"set state_dir, or \$STATE_DIRECTORY"):
        state_dir(None, {}, root=False)
