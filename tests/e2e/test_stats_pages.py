"""The status pages of real servers are read by the names that stand on them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ports import free_ports
from web_servers import Server

COLLECTOR = str(Path(sys.executable).with_name("collector"))
USER = "user root;" if os.getuid() == 0 else ""

pytestmark = pytest.mark.e2e


def program(*names):
    """The path of the first of these programs that is installed; else the test is skipped."""
    path = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    found = next((where for name in names if (where := shutil.which(name, path=path))), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not installed")
    return found


def nginx_conf(folder, location):
    return f"""
daemon off; worker_processes 1; error_log stderr; pid {folder}/pid; {USER}
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; access_log off;
  server {{ listen 127.0.0.1:PORT; location / {{ {location} }} }}
}}"""


def nginx(folder):
    command = [program("nginx"), "-p", str(folder), "-c", f"{folder}/conf"]
    return [command], {"conf": nginx_conf(folder, "stub_status;")}


def apache(folder):
    modules = Path("/usr/lib/apache2/modules")
    loads = "\n".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so" for name in ("mpm_event", "authz_core", "status")
    )
    text = f"""
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
Listen 127.0.0.1:PORT
{loads}
ExtendedStatus On
ErrorLog {folder}/error.log
<Location /status>
SetHandler server-status
Require all granted
</Location>
"""
    return [[program("apache2", "httpd"), "-DFOREGROUND", "-f", f"{folder}/conf"]], {"conf": text}


def lighttpd(folder):
    text = f"""
server.modules = ("mod_status")
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = PORT
status.status-url = "/status"
"""
    return [[program("lighttpd"), "-D", "-f", f"{folder}/conf"]], {"conf": text}


def haproxy(folder):
    text = """
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:PORT
  stats enable
  stats uri /status
  default_backend app
backend app
  server s1 127.0.0.1:9
"""
    return [[program("haproxy"), "-db", "-f", f"{folder}/conf"]], {"conf": text}


def php_fpm(folder):
    fpm = program("php-fpm", *(f"php-fpm8.{minor}" for minor in range(9)), "php-fpm7.4")
    (port,) = free_ports(1)
    pool = f"""
[global]
error_log = {folder}/fpm.log
[www]
listen = 127.0.0.1:{port}
pm = static
pm.max_children = 2
pm.status_path = /status
{"user = www-data" if os.getuid() == 0 else ""}
"""
    front = f"""include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_NAME /status;
fastcgi_param SCRIPT_FILENAME /status; fastcgi_pass 127.0.0.1:{port};"""
    commands = [[fpm, "-F", "-y", f"{folder}/pool"], [program("nginx"), "-p", str(folder), "-c", f"{folder}/conf"]]
    return commands, {"pool": pool, "conf": nginx_conf(folder, front)}


class Behind(Server):
    """A server whose first program listens elsewhere."""

    def _wait_for_port(self, process):
        if process is self.processes[-1] and len(self.processes) == len(self.commands):
            super()._wait_for_port(process)


def rows(server, address, columns):
    """What a collector writes, read back: a list of rows by name."""
    output = server.folder / "stats.tsv"
    url = f"http://127.0.0.1:{server.port}{address}"
    flags = ["--interval", "500ms", "--duration", "2s", "--header", "--output", str(output)]
    result = subprocess.run(
        [COLLECTOR, "--url", url, "--columns", f"time,{columns}", *flags], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    header, *lines = output.read_text().splitlines()
    assert header == "\t".join(["time", *columns.split(",")])
    return [dict(zip(columns.split(","), map(float, line.split("\t")[1:]), strict=True)) for line in lines]


@pytest.mark.parametrize(
    ("make", "address", "counts", "gauges"),
    [
        pytest.param(nginx, "/", "requests,accepts", "Active connections,Waiting", id="nginx"),
        pytest.param(apache, "/status?auto", "Total Accesses,Total kBytes", "BusyWorkers,IdleWorkers", id="apache"),
        pytest.param(lighttpd, "/status?auto", "Total Accesses,Total kBytes", "BusyServers,IdleServers", id="lighttpd"),
        pytest.param(lighttpd, "/status?json", "RequestsTotal,TrafficTotal", "BusyServers", id="lighttpd-json"),
        pytest.param(haproxy, "/status;csv", "web/FRONTEND/req_tot,app/s1/stot", "web/FRONTEND/scur", id="haproxy"),
        pytest.param(php_fpm, "/status", "accepted conn,slow requests", "idle processes", id="php-fpm"),
        pytest.param(php_fpm, "/status?json", "accepted conn,slow requests", "idle processes", id="php-fpm-json"),
        pytest.param(php_fpm, "/status?full", "accepted conn,requests/1", "pid/0,pid/1", id="php-fpm-full"),
    ],
)
def test_the_counts_of_a_real_server(tmp_path, make, address, counts, gauges):
    commands, files = make(tmp_path / "server")
    (port,) = free_ports(1)
    files = {name: text.replace("PORT", str(port)) for name, text in files.items()}
    server = Behind(make.__name__, tmp_path / "server", port, commands, files)
    try:
        server.start()
        found = rows(server, address, f"{counts},{gauges}")
    finally:
        server.end()
    first = counts.split(",")[0]
    asked = [row[first] for row in found]
    assert asked == sorted(asked)
    assert asked[-1] > asked[0]  # not at once everywhere: lighttpd sums up once a second
    assert all(row[name] >= 0 for row in found for name in row)
