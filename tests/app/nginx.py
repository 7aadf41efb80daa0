"""A real nginx on loopback in front of a site, as its keeper would configure it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Debian's nginx lies where a user's PATH may not lead.
NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/usr/bin:/usr/local/bin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx is installed: apt-get install -y nginx-light")

_CONFIGURATION = """
{user}worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 60m;
  {servers}
}}
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def nginx(folder: Path, location: str) -> Iterator[str]:
    """Run nginx with one server that has `location`, with its buffering as it is by default; yields its address."""
    port = free_port()
    with nginx_servers(folder, port, f"server {{ listen 127.0.0.1:{port}; {location} }}"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx_servers(folder: Path, port: int, servers: str) -> Iterator[None]:
    """Run nginx with these servers, which listen on `port` of loopback."""
    assert NGINX is not None
    folder.mkdir()
    configuration = folder / "nginx.conf"
    user = "user root;\n" if os.getuid() == 0 else ""  # else its workers could not write there
    configuration.write_text(_CONFIGURATION.format(folder=folder, servers=servers, user=user))
    command = [NGINX, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(configuration)]
    with subprocess.Popen(command) as server:
        try:
            _wait_for(port, server)
            yield
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert server.poll() is None, "nginx ended"
            assert time.monotonic() < end, "nginx does not listen"
            time.sleep(0.05)
