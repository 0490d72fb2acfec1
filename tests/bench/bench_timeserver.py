"""The time server on one core beside plain aiohttp and nginx, both logging each request to a file too.

Prints one table; asserts nothing. nginx and wrk are used where they are installed.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS = 5
CONNECTIONS = 32
BIN = Path(sys.executable).parent
AIOHTTP = """
import logging, sys
from aiohttp import web
async def handle(request):
    return web.Response(text="12:34:56 UTC")
logging.basicConfig(level=logging.INFO, filename=sys.argv[2])
app = web.Application()
app.router.add_get("/", handle)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{}}
http {{
  access_log {folder}/nginx.log; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "12:34:56 UTC"; }} }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def rate(command, port):
    """Requests a second that `command`, pinned to one core, answers."""
    process = subprocess.Popen(["taskset", "-c", "0", *map(str, command)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)  # another process, ready once it can be connected to
        url = f"http://127.0.0.1:{port}/"
        output = subprocess.run(
            ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return float(re.search(r"Requests/sec:\s+([0-9.]+)", output)[1])
    finally:
        process.terminate()
        process.wait()


def main():
    if not shutil.which("wrk"):
        print("wrk is not installed; on Debian: apt-get install wrk")
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        rows.append(("timeserver", rate([BIN / "timeserver", "--port", port, "--access-log", f"{folder}/a.log"], port)))
        port = free_port()
        rows.append(
            ("aiohttp, its own access log", rate([sys.executable, "-c", AIOHTTP, port, f"{folder}/b.log"], port))
        )
        if shutil.which("nginx"):
            port = free_port()
            Path(folder, "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
            rows.append(("nginx, return 200", rate(["nginx", "-c", f"{folder}/nginx.conf"], port)))
    print(f"{'requests on one core, each logged':34}{'per second':>12}{'ratio':>8}")
    for name, per_s in rows:
        print(f"{name:34}{per_s:12,.0f}{rows[0][1] / per_s:8.2f}")


if __name__ == "__main__":
    main()
