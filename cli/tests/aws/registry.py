"""A real registry on 127.0.0.1 for the images of ECR: Debian's docker-registry."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
)
CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True)
class Registry:
    """The registry at `host`, such as 127.0.0.1:5000, which Docker takes without TLS."""

    host: str

    def tags(self, repository: str) -> dict[str, str]:
        """Return the digest of every tag."""
        status, _, body = self._request("GET", f"{repository}/tags/list")
        found = json.loads(body)["tags"] or [] if status == 200 else []
        heads = {tag: self._request("HEAD", f"{repository}/manifests/{tag}") for tag in found}
        return {
            tag: headers["Docker-Content-Digest"]
            for tag, (status, headers, _) in heads.items()
            if status == 200
        }

    def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, Any]] | None:
        """Return the text of a manifest, by tag or digest, and its media type and digest."""
        status, headers, body = self._request("GET", f"{repository}/manifests/{reference}")
        return (body.decode(), headers) if status == 200 else None

    def delete(self, repository: str, digest: str) -> None:
        """Remove an image with all its tags."""
        self._request("DELETE", f"{repository}/manifests/{digest}")

    def _request(self, method: str, path: str) -> tuple[int, dict[str, Any], bytes]:
        connection = HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, f"/v2/{path}", headers={"Accept": MANIFESTS})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()


class NoRegistry(Registry):
    """One without images, where nothing has to be installed."""

    def __init__(self) -> None:
        super().__init__("")

    def _request(self, method: str, path: str) -> tuple[int, dict[str, Any], bytes]:
        return 404, {}, b""


@contextmanager
def registry() -> Iterator[Registry]:
    """Run an empty registry for the block."""
    binary = shutil.which("docker-registry")
    if binary is None:
        raise FileNotFoundError("docker-registry is not on the PATH: install Debian's package.")
    with tempfile.TemporaryDirectory(prefix="registry-") as directory:
        port = _free_port()
        file = Path(directory, "registry.yml")
        file.write_text(CONFIGURATION.format(directory=directory, port=port))
        process = subprocess.Popen(
            [binary, "serve", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait(process, port)
            yield Registry(f"127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"docker-registry ended with exit status {process.returncode}.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("docker-registry does not answer.")
