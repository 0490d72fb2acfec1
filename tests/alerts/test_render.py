import pytest

from alerts import render


@pytest.mark.parametrize(
    ("text", "replacements", "want"),
    [
        pytest.param("a:1 b:2", {"a:1": "b:2", "b:2": "a:1"}, "b:2 a:1", id="two addresses change places"),
        pytest.param("127.0.0.1:80 127.0.0.1:8080", {"127.0.0.1:80": "x"}, "x 127.0.0.1:8080", id="whole numbers"),
        pytest.param(".tidewatch/state", {".tidewatch/": "/t/"}, "/t/state", id="a folder"),
        pytest.param("ab", {"a": "1", "ab": "2"}, "2", id="the longest wins"),
        pytest.param("a.b axb", {"a.b": "c"}, "c axb", id="not a pattern"),
        pytest.param("as it is", {}, "as it is", id="nothing to replace"),
    ],
)
def test_substitute(text, replacements, want):
    assert render.substitute(text, replacements) == want


def test_renders_every_file_of_the_demo_with_the_new_addresses(tmp_path):
    assert render.main([str(tmp_path), "127.0.0.1:8080=timeserver:8080", ".tidewatch/=/var/lib/tidewatch/"]) == 0

    config = (tmp_path / "exporter" / "demo.yml").read_text()
    assert "http://timeserver:8080/stats" in config
    assert "/var/lib/tidewatch/site/access.log" in config
    assert (tmp_path / "alerts" / "targets" / "stats").is_dir(), "a folder that Prometheus watches for targets"
    assert not [p for p in tmp_path.rglob("*.yml") if "127.0.0.1:8080" in p.read_text()]


@pytest.mark.parametrize("arguments", [[], ["out", "no pair"], ["out", "=new"], ["out", "old="]])
def test_a_command_line_that_says_no_pair_is_refused(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert render.main(arguments) == 2
    assert "usage: python -m alerts.render" in "".join(capsys.readouterr())


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert render.main([str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
