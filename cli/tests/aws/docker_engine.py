"""The way from the Docker engine to ECR: a socket for DOCKER_HOST, before the engine's own.

`sam` and `copilot` both push to ACCOUNT.dkr.ecr.REGION.amazonaws.com, a name that they make up
themselves, and the engine looks it up where no test can answer. So this socket passes on all that
a client asks of the engine, byte by byte, but for two requests: a login at ECR is answered by the
ECR here, and an image that is pushed to ECR gets a second name, that of the registry on loopback,
and is pushed there.
"""

import base64
import json
import os
import re
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tests.aws.ecr import Ecr

PUSH = re.compile(
    r"POST (?P<version>(/v[\d.]+)?)/images/(?P<image>[^\s?]+)/push(\?(?P<query>\S*))?"
)
LOGIN = re.compile(r"POST (/v[\d.]+)?/auth ")


def engine_address() -> str:
    """Return where the machine's engine is, as in DOCKER_HOST."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def _connect() -> socket.socket:
    url = urlsplit(engine_address())
    if url.scheme == "unix":
        found = socket.socket(socket.AF_UNIX)
        found.connect(url.path)
        return found
    return socket.create_connection((url.hostname, url.port or 2375))


class _EngineConnection(HTTPConnection):
    def __init__(self) -> None:
        super().__init__("docker")

    def connect(self) -> None:
        self.sock = _connect()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, ecr: Ecr) -> None:
        super().__init__(path, _Handler)
        self.ecr = ecr
        self.pushed: set[str] = set()  # the names of images in ECR


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer the one request of this connection: more come over others."""
        head = self._head()
        if not head:
            return
        ecr = self.server.ecr
        length = int(_header(head, "Content-Length") or 0)
        if LOGIN.match(head):
            body = self.rfile.read(length)
            given = json.loads(body)
            if ecr.host in given.get("serveraddress", ""):
                self._log_in(given)
            else:
                self._pass_on(head, body)
        elif (found := PUSH.match(head)) and unquote(found["image"]).startswith(f"{ecr.host}/"):
            self.rfile.read(length)
            self._push(head, found)
        else:
            self._pass_on(head)

    def _log_in(self, given: dict[str, Any]) -> None:
        if (given.get("username"), given.get("password")) == ("AWS", self.server.ecr.password):
            self._answer(200, {"Status": "Login Succeeded", "IdentityToken": ""})
        else:
            text = f"Get https://{self.server.ecr.host}/v2/: no basic auth credentials"
            self._answer(401, {"message": text})

    def _push(self, head: str, found: re.Match[str]) -> None:
        ecr = self.server.ecr
        name = unquote(found["image"]).removeprefix(f"{ecr.host}/")
        tag = dict(parse_qsl(found["query"] or "")).get("tag", "latest")
        given = _header(head, "X-Registry-Auth") or base64.urlsafe_b64encode(b"{}").decode()
        auth = json.loads(base64.urlsafe_b64decode(given + "=="))
        if why := ecr.may_push(name, auth.get("username", ""), auth.get("password", "")):
            self._answer(200, {"errorDetail": {"message": why}, "error": why})
            return
        local = f"{ecr.registry.host}/{name}"
        source = f"{ecr.host}/{name}:{tag}"
        path = f"/images/{quote(source)}/tag?repo={quote(local)}&tag={tag}"
        status, text = _ask("POST", found["version"] + path)
        if status != 201:
            self._answer(status, json.loads(text))
            return
        self.server.pushed.add(source)
        self._pass_on(head.replace(found["image"], local, 1))

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode() + b"\r\n"
        head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nConnection: close\r\n"
        self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _head(self) -> str:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line.decode("latin-1"))
        return "".join(lines)

    def _pass_on(self, head: str, body: bytes = b"") -> None:
        """Connect the client with the engine until both are done."""
        if not _header(head, "Upgrade"):  # so that each request has a connection of its own
            head = re.sub(r"(?im)^connection:.*\r\n", "", head) + "Connection: close\r\n"
        with _connect() as engine:
            engine.sendall(f"{head}\r\n".encode("latin-1") + body)
            back = threading.Thread(target=self._back, args=(engine,))
            back.start()
            try:
                while sent := self.rfile.read1(65536):
                    engine.sendall(sent)
                engine.shutdown(socket.SHUT_WR)
            except OSError:  # the engine is done
                pass
            back.join()

    def _back(self, engine: socket.socket) -> None:
        try:
            while answered := engine.recv(65536):
                self.connection.sendall(answered)
        except OSError:  # the client is gone
            pass
        for side in (self.connection, engine):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


def _header(head: str, name: str) -> str | None:
    found = re.search(rf"(?im)^{name}:\s*(.*?)\r$", head)
    return found[1] if found else None


def _ask(method: str, path: str) -> tuple[int, str]:
    connection = _EngineConnection()
    try:
        connection.request(method, path, headers={"Content-Length": "0"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _of_registry(ecr: Ecr) -> set[str]:
    """Return the names of all images that have one of the registry on loopback."""
    _, text = _ask("GET", "/images/json")
    names = {
        name
        for image in json.loads(text)
        for name in [*(image["RepoTags"] or []), *(image["RepoDigests"] or [])]
    }
    return {name for name in names if name.startswith(f"{ecr.registry.host}/")}


@contextmanager
def docker_engine(ecr: Ecr) -> Iterator[str]:
    """Serve for the block; give the value of DOCKER_HOST.

    At the end the images that were pushed lose the names that they had for it.
    """
    directory = Path(tempfile.mkdtemp(prefix="docker-"))
    try:
        path = directory / "docker.sock"
        with _Server(str(path), ecr) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield f"unix://{path}"
            finally:
                server.shutdown()
                thread.join()
                for name in server.pushed | _of_registry(ecr):
                    _ask("DELETE", f"/images/{quote(name)}")
    finally:
        shutil.rmtree(directory)
