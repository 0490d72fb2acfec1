"""Seven web servers of the distribution, each in front of the same small site, with their access logs in a folder.

Each is started with a configuration of its own on free loopback ports and ends with its log written.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ports import free_ports

SLOW_S = 0.3
UP_WITHIN_S = 20
BODY = b"x" * 1000
READY = b"/is-it-ready"
"""What a server is asked before the test begins; lines about it are not the test's."""


class Site(BaseHTTPRequestHandler):
    """What stands behind each server: the path's first word says what to answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(SLOW_S)
        if self.path.startswith("/missing"):
            self._answer(404, b"no")
        elif self.headers["If-None-Match"]:
            self._answer(304, b"")
        else:
            self._answer(200, BODY)

    do_HEAD = do_GET  # noqa: N815, the library's name

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, b"made")

    def _answer(self, code, body):
        self.send_response(code)
        self.send_header("ETag", '"1"')
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        if code != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # who has gone away
            self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def site():
    """The port of the site, while it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Server:
    """One server: what it is started with, and what its log is.

    commands: each is up when the port takes connections.
    files: its configuration.
    stdout: where its output goes.
    writes_at_once: whether its log shows a request before its end.
    logs_late: whether it may be up before its log is; then it is asked until something is logged.
    """

    name: str
    folder: Path
    port: int
    commands: list[list[str]]
    files: dict[str, str]
    stdout: str = "output"
    writes_at_once: bool = True
    logs_late: bool = False
    processes: list[subprocess.Popen] = field(default_factory=list)

    def lines(self):
        """The lines that its log has by now; all of them once it has ended."""
        log = self.folder / "access.log"
        lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
        return [line for line in lines if READY not in line]

    def start(self):
        """Start it and wait until it takes connections."""
        self.folder.mkdir()
        self.folder.chmod(0o777)  # Squid changes to a user of its own
        for name, text in self.files.items():
            (self.folder / name).write_text(text)
        for command in self.commands:
            with (self.folder / self.stdout).open("ab") as output:
                env = os.environ | {"HOME": str(self.folder), "LC_ALL": "C"}
                started = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=self.folder)
            self.processes.append(started)
            self._wait_for_port(started)
        if self.logs_late:
            self._wait_for_log()

    def _wait_for_log(self):
        deadline = time.monotonic() + UP_WITHIN_S
        while not (self.folder / "access.log").exists() or READY not in (self.folder / "access.log").read_bytes():
            assert time.monotonic() < deadline, f"{self.name}: no log"
            with socket.create_connection(("127.0.0.1", self.port), 5) as client:
                client.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % READY)
                client.makefile("rb").read()
            time.sleep(0.05)

    def _wait_for_port(self, process):
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            said = (self.folder / self.stdout).read_text(errors="replace")[-2000:]
            assert process.poll() is None, f"{self.name}: {said}"
            assert time.monotonic() < deadline, f"{self.name}: no port: {said}"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)

    def end(self):
        """Let what it holds back of its log go out, and end it."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def servers(folder, site_port):
    """All of them whose programs are installed; a server's name to it, or to the program that is absent."""
    made = {}
    makers = {
        "apache2": apache, "caddy": caddy, "haproxy": haproxy, "lighttpd": lighttpd, "nginx": nginx, "squid": squid,
        "varnishd": varnish,
    }  # fmt: skip
    for (name, make), port in zip(makers.items(), free_ports(len(makers)), strict=True):
        program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        made[name] = make(program, folder / name, port, site_port) if program else None
    return made


def nginx(program, folder, port, site_port):
    """nginx with a log_format that has the times."""
    log_format = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent $request_time'
    text = f"""
daemon off; worker_processes 1; error_log stderr; pid {folder}/pid; {"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  log_format timed '{log_format}';
  access_log {folder}/access.log timed;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{site_port}; }} }}
}}"""
    return Server("nginx", folder, port, [[program, "-p", str(folder), "-c", f"{folder}/conf"]], {"conf": text})


def apache(program, folder, port, site_port):
    """Apache with %D."""
    modules = Path("/usr/lib/apache2/modules")
    loads = "\n".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so"
        for name in ("mpm_event", "authz_core", "proxy", "proxy_http")
    )
    text = f"""
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
Listen 127.0.0.1:{port}
{loads}
ErrorLog {folder}/error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %b %D" timed
CustomLog {folder}/access.log timed
ProxyPass / http://127.0.0.1:{site_port}/
"""
    return Server("apache2", folder, port, [[program, "-DFOREGROUND", "-f", f"{folder}/conf"]], {"conf": text})


def lighttpd(program, folder, port, site_port):
    """lighttpd with %D."""
    text = f"""
server.modules = ("mod_accesslog", "mod_proxy")
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
accesslog.filename = "{folder}/access.log"
accesslog.format = "%h %l %u %t \\"%r\\" %>s %b %D"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => {site_port})))
"""
    return Server(
        "lighttpd", folder, port, [[program, "-D", "-f", f"{folder}/conf"]], {"conf": text}, writes_at_once=False
    )


def caddy(program, folder, port, site_port):
    """Caddy, with its own JSON."""
    text = f"""
{{
  admin off
  auto_https off
}}
:{port} {{
  bind 127.0.0.1
  log {{
    output file {folder}/access.log
  }}
  reverse_proxy 127.0.0.1:{site_port}
}}
"""
    command = [program, "run", "--adapter", "caddyfile", "--config", f"{folder}/conf"]
    return Server("caddy", folder, port, [command], {"conf": text})


def haproxy(program, folder, port, site_port):
    """HAProxy with `option httplog` and captures; it logs to its output."""
    text = f"""
global
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option dontlognull
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend front
  bind 127.0.0.1:{port}
  capture request header Host len 64
  capture response header ETag len 16
  default_backend back
backend back
  server site 127.0.0.1:{site_port}
"""
    return Server("haproxy", folder, port, [[program, "-db", "-f", f"{folder}/conf"]], {"conf": text}, "access.log")


def squid(program, folder, port, site_port):
    """Squid as an accelerator, with its native log, and one in a format of its user's."""
    text = f"""
logformat own [%{{%Y-%m-%dT%H:%M:%S%z}}tl] %6tr %>a:%>p "%rm %>ru HTTP/%rv" %03>Hs %<st "%{{User-Agent}}>h" %Ss:%Sh
access_log stdio:{folder}/own.log logformat=own
http_port 127.0.0.1:{port} accel defaultsite=127.0.0.1
cache_peer 127.0.0.1 parent {site_port} 0 no-query originserver
http_access allow all
cache deny all
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/pid
coredump_dir {folder}
pinger_enable off
shutdown_lifetime 0 seconds
netdb_filename none
"""
    return Server(
        "squid", folder, port, [[program, "-N", "-n", f"tidewatch{port}", "-f", f"{folder}/conf"]], {"conf": text}
    )


def varnish(program, folder, port, site_port):
    """Varnish, whose log is written by varnishncsa."""
    text = f"""vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{site_port}"; }}
sub vcl_recv {{ return (pass); }}
"""
    ncsa = shutil.which("varnishncsa") or "varnishncsa"
    log_format = '%h %l %u %t "%r" %s %b %D %{Varnish:time_firstbyte}x'
    run = ["-n", f"{folder}/run"]
    commands = [
        [program, "-F", *run, "-a", f"127.0.0.1:{port}", "-f", f"{folder}/conf", "-s", "malloc,1m", "-j", "none"],
        [ncsa, *run, "-F", log_format, "-w", f"{folder}/access.log", "-t", "10"],
    ]
    return Server("varnishd", folder, port, commands, {"conf": text}, logs_late=True)
