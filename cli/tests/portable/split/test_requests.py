"""Every sentence that `portable split` says instead of a result, over real sockets."""

import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from portable.split import requests as split_requests
from portable.split.requests import is_loopback, parse_url, port_of, shown
from tests.portable.split.split_command import EVEN, alternating, free_port, sentence, split
from tests.portable.split.split_server import CLOSE, HANG, TRICKLE, answer, serving


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine has in its environment is no part of a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("my-alb-1.us-east-1.elb.amazonaws.com", "write http://my-alb-1.us-east-1.elb."),
        ("localhost:8080", "write http://localhost:8080"),
        ("ftp://127.0.0.1", "the scheme 'ftp', not http or https"),
        ("http://", "it has no host"),
        ("http://127.0.0.1:99999", "it has no port from 1 to 65535"),
        ("http://127.0.0.1:x", "'http://127.0.0.1:x' is not a URL: Invalid port"),
    ],
)
def test_a_url_that_cannot_be_requested_is_named(url: str, expected: str) -> None:
    assert expected in sentence(url, *EVEN)


def test_a_port_where_nothing_listens_is_named() -> None:
    port = free_port()
    said = sentence(f"http://127.0.0.1:{port}", *EVEN)
    assert f"nothing listens on 127.0.0.1:{port}: the connection was refused." in said


def test_an_unknown_host_is_named() -> None:
    host = "a" * 64 + ".invalid"  # longer than a label may be: no name server is asked
    assert f"the host '{host}' is not found" in sentence(f"http://{host}", *EVEN)


def test_a_first_request_without_an_answer_is_explained() -> None:
    with serving(lambda _: CLOSE) as server:
        said = sentence(server.url, *EVEN)
        assert "closed the connection without an answer; if it is an HTTPS listener" in said
    for slow in (HANG, TRICKLE):
        with serving(lambda _, slow=slow: slow) as server:
            said = sentence(server.url, *EVEN, "--timeout", "0.5")
        assert "did not answer within 0.5 s (--timeout)." in said
    with serving(lambda _: b"no HTTP\r\n\r\n") as server:
        assert "gave no answer, malformed answer" in sentence(server.url, *EVEN)


@pytest.mark.parametrize(
    ("location", "target"),
    [("https://127.0.0.1:8443/a", "https://127.0.0.1:8443/a"), ("/b", "{url}/b")],
)
def test_a_redirect_is_named_and_not_followed(location: str, target: str) -> None:
    with serving(lambda _: answer("moved", 301, Location=location)) as server:
        said = sentence(server.url, *EVEN)
    assert len(server.seen) == 1
    assert f"{server.url} redirects to {target.format(url=server.url)} with 301" in said


def test_a_redirect_by_a_side_is_its_answer() -> None:
    moved = answer("", 302, Location="/docs", X_Side="lambda")
    with serving(lambda _: moved) as server:
        result = split(
            server.url, "--lambda-weight", "1", "--fargate-weight", "0", "--side-header", "X-Side"
        )
    assert result.exit_code == 0


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate that nobody signed, for another name, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=other.example", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture
def certificate(tls: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    return context


def test_a_certificate_is_checked_unless_insecure(certificate: ssl.SSLContext) -> None:
    with serving(alternating, certificate) as server:
        said = sentence(server.url, *EVEN)
        assert f"the certificate of 127.0.0.1:{server.port} is not accepted: self" in said
        assert "--insecure" in said
        assert split(server.url, *EVEN, "--insecure", "-n", "40").exit_code == 0


def test_a_certificate_for_another_name_is_explained(
    certificate: ssl.SSLContext, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_requests, "is_loopback", lambda _: False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls / "cert.pem"))
    with serving(alternating, certificate) as server:
        said = sentence(server.url, *EVEN)
    assert "is not accepted: IP address mismatch, certificate is not valid for '127.0.0.1'" in said
    assert "use a name that it is for, or --insecure" in said


def test_https_to_an_http_listener_is_explained() -> None:
    with serving(alternating) as server:
        said = sentence(server.url.replace("http", "https"), *EVEN)
    assert f"127.0.0.1:{server.port} does not speak TLS" in said and f"write {server.url}" in said


def test_http_to_an_https_listener_is_explained(certificate: ssl.SSLContext) -> None:
    with serving(alternating, certificate) as server:
        said = sentence(server.url.replace("https", "http"), *EVEN)
    assert "if it is an HTTPS listener, write https://" in said


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HTTP_PROXY": "other://127.0.0.1:1"}, "the settings for proxies or certificates"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "the settings for proxies or certificates"),
        ({"HTTP_PROXY": "http://127.0.0.1:{port}"}, "through the proxy http://127.0.0.1:{port}"),
    ],
)
def test_the_environments_proxy_is_used_and_named(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(port=port))
    assert expected.format(port=port) in sentence("http://alb.invalid", *EVEN)
    with serving(alternating) as server:  # but not for this machine
        assert split(server.url, *EVEN, "-n", "40").exit_code == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8080", True),
        ("http://app.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(parse_url(url)) == expected


def test_ports_and_passwords() -> None:
    assert [port_of(httpx.URL(url)) for url in ("http://a", "https://a", "http://a:5")] == [
        80,
        443,
        5,
    ]
    assert shown(httpx.URL("https://user:secret@a/b?c")) == "https://a/b?c"
