"""Formats as they stand in a server's configuration."""

import pytest

from exporter.accesslog.formats import find_format
from exporter.accesslog.formats.strings.pasted import bare_format
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.tally import Buckets

NGINX = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
APACHE = '%h %l %u %t "%r" %>s %b'
LINE = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a?b HTTP/1.1" 200 12\n'


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"log_format main '{NGINX}';", NGINX),
        (
            """log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                              '$status $body_bytes_sent';""",
            NGINX,
        ),
        (f"log_format main escape=json '{NGINX}'", NGINX),
        ('log_format main "$remote_addr \\"$request\\"" # why\n " $status";', '$remote_addr "$request" $status'),
        ("'$remote_addr [$time_local] ' '\"$request\" $status'", '$remote_addr [$time_local] "$request" $status'),
        ("'$remote_addr $status';", "$remote_addr $status"),
        (r'"%h %l %u %t \"%r\" %>s %b"', APACHE),
        (r'LogFormat "%h %l %u %t \"%r\" %>s %b" common', APACHE),
        ("\tlogformat '%h %l %u %t \"%r\" %>s %b' mine\n", APACHE),
        ('LogFormat "%h %l %u %t \\"%r\\" \\\n%>s %b" split', APACHE),
        (r'CustomLog ${APACHE_LOG_DIR}/access.log "%h %l %u %t \"%r\" %>s %b" env=!quiet', APACHE),
        ("CustomLog /var/log/apache2/access.log combined", "combined"),
        ("CustomLog /var/log/apache2/access.log vhost_combined", "vhost-combined"),
    ],
)
def test_what_is_copied_is_taken_as_it_stands(text, want):
    assert bare_format(text) == want
    find_format(text)


@pytest.mark.parametrize(
    "text",
    [
        "combined",
        NGINX,
        APACHE,
        '"$remote_addr" "$request" "$status"',
        "'$remote_addr' '$request' '$status'",
        '"$remote_addr - $remote_user" "$request" $status',
        r"(?P<method>\S+) '(?P<path>[^']*)' (?P<code>\d+)",
        '\'$remote_addr [$time_local] "$request" $status',
        "",
    ],
)
def test_a_bare_format_is_left_alone(text):
    assert bare_format(text) == text


@pytest.mark.parametrize("text", [f"log_format main '{NGINX}';", r'LogFormat "%h %l %u %t \"%r\" %>s %b" common'])
def test_it_reads_the_server_s_lines(text):
    assert tally_scalar(LINE, find_format(text), Buckets((1.0,))).hits == {(b"GET", b"/a", b"200"): [1, 12, 0]}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("log_format main", "expected one directive, for example log_format main"),
        ("log_format a '$status'; log_format b '$status';", "expected one directive"),
        ("log_format main '$status", "a quote is not closed"),
        ("LogFormat mine", "expected one directive with a format string"),
        ("CustomLog access.log mine", "expected one directive with a format string"),
    ],
)
def test_what_is_not_one_format_is_refused(text, want):
    with pytest.raises(ValueError, match=want):
        find_format(text)
