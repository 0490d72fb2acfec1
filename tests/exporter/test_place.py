"""What `exporter check` says of the places that lines come from, without opening them."""

import os
import socket

import pytest
from journaling import Journal as Recorded

from exporter.accesslog import Source
from exporter.accesslog.tryout import try_source
from exporter.sources.journal.settings import Journal
from exporter.sources.syslog.settings import Listen


def findings(**place):
    return [finding.text for finding in try_source(Source(source="site", **place))]


def test_a_good_place_has_no_findings(tmp_path):
    journal = Recorded(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    assert findings(stdin=True) == []
    assert findings(fifo=str(tmp_path / "fifo")) == []
    assert findings(journal=Journal(units=("nginx",), program=str(journal.program))) == []
    assert findings(listen=Listen(syslog=f"unix:{tmp_path}/s", group="root")) == []
    assert not (tmp_path / "s").exists()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:  # it may be the exporter that runs now
        other.bind(("127.0.0.1", 0))
        assert findings(listen=Listen(syslog=f"udp://127.0.0.1:{other.getsockname()[1]}")) == []


def test_a_pattern_that_may_match_nothing_has_no_finding_and_other_paths_have(tmp_path):
    pattern = f"{tmp_path}/{{pod}}-*.log"
    assert findings(paths=[pattern]) == [f"paths: {pattern}: matches no file"]
    assert findings(paths=[pattern], required=False) == []
    (tmp_path / "web-1.log").symlink_to(tmp_path / "gone")
    assert findings(paths=[pattern], required=False) == [f"paths: {tmp_path}/web-1.log: No such file or directory"]


@pytest.mark.parametrize(
    "place", [{"paths": ["/var/log/app/*.log", "/var/log/nginx/access.log"]}, {"stdin": True}], ids=["path", "stdin"]
)
def test_only_patterns_may_match_nothing(place):
    with pytest.raises(ValueError, match=r"^required: false is for paths with wildcards, for example "):
        Source(source="site", required=False, **place)


@pytest.mark.parametrize(
    ("place", "want"),
    [
        ({"fifo": "{}/x"}, ["fifo: {}/x: is not a FIFO; make it with `mkfifo -m 660 {}/x`"]),
        (
            {"paths": ["{}/fifo"]},
            [
                "paths: {}/fifo: is a pipe or a device; only regular files are followed",
                "paths: {}/fifo: a FIFO is read with `fifo: {}/fifo`",
            ],
        ),
        (
            {"journal": Journal(units=("nginx",), program="no-journalctl")},
            ["journal: no-journalctl: not found; install systemd, or name it with journal.program"],
        ),
        (
            {"listen": Listen(syslog="udp://0.0.0.0:5514")},
            ["listen: udp://0.0.0.0:5514: other machines can reach it and add lines"],
        ),
        (
            {"listen": Listen(syslog="unix:/no/such/s", group="no such group")},
            ["listen: unix:/no/such/s: there is no directory /no/such", "listen: there is no group no such group"],
        ),
    ],
)
def test_what_is_wrong_with_a_place_is_said(tmp_path, place, want):
    os.mkfifo(tmp_path / "fifo")

    def here(value):
        if isinstance(value, list):
            return [here(one) for one in value]
        return value.replace("{}", str(tmp_path)) if isinstance(value, str) else value

    assert findings(**{key: here(value) for key, value in place.items()}) == here(want)
