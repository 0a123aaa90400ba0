"""The way in: an HTTPS proxy on 127.0.0.1 that ends every connection to AWS itself.

`copilot` knows no endpoint of its own choice, so all tools come through here, with the hosts of AWS
in their requests. The certificates are made by moto, whose authority only these tools trust.
No request leaves the machine: a host that is not AWS's is refused and named in `refused`.
"""

import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moto.moto_proxy.certificate_creator import CertificateCreator

from tests.aws.wire import Answer

CA = CertificateCreator.cacert
AWS_HOST = re.compile(r"(^|\.)(amazonaws\.com|api\.aws)$")

# method, URL, headers, body
Respond = Callable[[str, str, Mapping[str, str], bytes], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a tool may leave a connection open

    def __init__(self, respond: Respond, refused: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond, self.refused = respond, refused
        self.contexts: dict[str, ssl.SSLContext] = {}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.rpartition(":")[0]
        if not AWS_HOST.search(self.host):
            self.server.refused.append(self.host)
            self.send_error(502, f"{self.host} is not AWS")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CertificateCreator().create(self.host), CertificateCreator.certkey)
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:  # the tool was ended, or does not trust the certificate
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the tool is gone
            self.close_connection = True

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.connection.close()  # the server only knows the one without TLS

    def _respond(self) -> None:
        body = self._body()
        url = f"https://{self.headers['Host']}{self.path}"
        status, headers, content = self.server.respond(self.command, url, self.headers, body)
        self.send_response(status)
        names = {name.lower() for name in headers}
        for name, value in headers.items():
            self.send_header(name, str(value))
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _respond

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def proxy(respond: Respond, refused: list[str]) -> Iterator[str]:
    """Serve for the block; give the URL. `respond` is called by several threads at once."""
    CertificateCreator().validate()
    with _Server(respond, refused) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
