"""What all tests share: no internet by default, and the corpus where it is there."""

import errno
import ipaddress
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _is_local(host):
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def offline(request, monkeypatch):
    """Let no test reach beyond this machine, the ones marked ``network`` aside."""
    if request.node.get_closest_marker("network"):
        return
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def connect_locally(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise OSError(errno.ENETUNREACH, f"Tests run offline, {address[0]} was asked for")
        return connect(self, address)

    def resolve_locally(host, *args, **kwargs):
        if not _is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, f"Tests run offline, {host} was asked for")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_locally)


@pytest.fixture(scope="session")
def corpus():
    """Folder with ``index.csv`` and ``data/*.parquet``: real tables, not part of the project."""
    folder = ROOT.parent / "shared" / "corpus"
    if not (folder / "index.csv").is_file():
        pytest.skip(f"the corpus is not at ../shared/corpus of {ROOT.name}/")
    return folder
