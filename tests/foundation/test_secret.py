"""Secrets: one line of a file that others do not read, and nothing of them in what is logged."""

import os
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from foundation.secret import MAX_SECRET_BYTES, read_secret, shown_url


def test_a_secret_is_one_line(tmp_path, caplog):
    path = tmp_path / "token"
    path.write_text("  s3cret \n")
    path.chmod(0o600)
    assert read_secret(path) == "s3cret"
    assert caplog.text == ""


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a\nb", b"a\0b", b"\xff", "\u00e9".encode(), b"x" * (MAX_SECRET_BYTES + 1)]
)
def test_what_is_not_one_line_of_text_is_refused_and_not_shown(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"token: expected one line of .*ASCII text$"):
        read_secret(path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_what_may_never_end_is_refused_at_once(tmp_path, make):
    make(tmp_path / "token")
    with pytest.raises(ConfigError, match="token: expected a regular file"):
        read_secret(tmp_path / "token")


def test_a_command_may_be_given_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "token")
    writing = Thread(target=(tmp_path / "token").write_text, args=("s3cret\n",))
    writing.start()
    assert read_secret(tmp_path / "token", pipes=True) == "s3cret"
    writing.join()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="none: No such file or directory"):
        read_secret(tmp_path / "none")


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True)]
)
def test_others_who_may_read_or_write_it_are_warned_of(tmp_path, caplog, mode, warned):
    path = tmp_path / "token"
    path.write_text("s3cret")
    path.chmod(mode)
    for _ in range(2):
        assert read_secret(path) == "s3cret"
    assert caplog.text.count(f"others may read it (mode {mode:o})") == int(warned)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("http://127.0.0.1:9090/x?y=1#z", "http://127.0.0.1:9090/x?y=1#z"),
        ("http://user:pass@host:1/x", "http://host:1/x"),
        ("http://user@host/", "http://host/"),
        ("https://a:b@c@host/", "https://host/"),
        ("tcp://u:p@host:1", "tcp://host:1"),
        ("not a url", "not a url"),
        ("http://u:p@[::1/", "http://[::1/"),
        ("u:p@host:80", "host:80"),
        ("http://u:p/a#s@host/x", "http://host/x"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("http://host?to=a@b", "http://host?to=a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("@stats.txt", "@stats.txt"),
        ("@home is not a host", "@home is not a host"),
        ("@me:pw@host:80", "host:80"),
        ("http://host/x?access_token=abc&y=1#z", "http://host/x?access_token=...&y=1#z"),
        ("http://host/x?y=1&Api-Key=abc", "http://host/x?y=1&Api-Key=..."),
        ("http://host/x?y=1;X-Amz-Signature=abc def", "http://host/x?y=1;X-Amz-Signature=... def"),
        ("cannot open 'http://host/?password=abc': refused", "cannot open 'http://host/?password=...': refused"),
        ("http://host/token?query=rate(x)", "http://host/token?query=rate(x)"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url, want):
    assert shown_url(url) == want


@given(
    st.sampled_from(["token", "access_token", "client-secret", "PASSWORD", "apikey", "sig_auth"]),
    st.text("abc%2F/:", min_size=8),
)
def test_no_secret_parameter_survives(name, value):
    shown = shown_url(f"http://host/x?y=1&{name}={value}&z=2")
    assert shown == f"http://host/x?y=1&{name}=...&z=2"


@given(st.text(min_size=8).map(lambda text: f"p{text}"))
def test_no_password_survives(password):
    assert password not in shown_url(f"http://me:{password}@host/")
