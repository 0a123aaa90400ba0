"""The part of AWS that `copilot env package` and `copilot svc package` ask, answered here.

Before it renders, Copilot looks up what is deployed so far: seven actions, which only read. It
takes no other endpoint, but it takes a proxy (HTTPS_PROXY) and a certificate to trust
(AWS_CA_BUNDLE). So this is a proxy on 127.0.0.1 that passes nothing on and answers itself.
"""

import json
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/copilot"
REGIONAL_STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/StackSet-copilot/1"
HOSTS = (f"*.{REGION}.amazonaws.com", "*.amazonaws.com")


class OfflineAws:
    """An account in which `application` is initialised with its environments and services.

    A context manager: inside it, `variables` are those with which a child process asks it.
    `folder` is for the certificate, which is made anew each time.
    """

    def __init__(self, application: str, services: list[str], folder: Path) -> None:
        self.application = application
        self._services = services
        self._certificate = folder / "certificate.pem"
        self._stacks: dict[str, tuple[str, dict[str, str]]] = {}

    def deployed(self, environment: str, metadata: str, parameters: Mapping[str, str]) -> None:
        """Take the stack of `environment` for deployed with these, as `copilot env deploy` does."""
        self._stacks[f"{self.application}-{environment}"] = (metadata, dict(parameters))

    def initialised(self, environment: str) -> None:
        """Take the stack of `environment` for made by `copilot env init`, which has the roles."""
        names = {"AppName": self.application, "EnvironmentName": environment}
        account = {"ToolsAccountPrincipalARN": f"arn:aws:iam::{ACCOUNT}:root"}
        self.deployed(environment, "Version: bootstrap", names | account)

    def __enter__(self) -> Self:
        context = _tls(self._certificate)
        handler = type("Handler", (_Handler,), {"aws": self, "context": context})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def variables(self) -> dict[str, str]:
        """Where the account is, and credentials that are worth nothing."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_CA_BUNDLE": str(self._certificate),
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "offline",
            "AWS_SECRET_ACCESS_KEY": "offline",
        }

    def answer(self, target: str, body: str) -> tuple[int, str]:
        """Return status and body for a request: of SSM in JSON, of the others in XML."""
        if target == "ResourceGroupsTaggingAPI_20170126.GetResources":  # topics, of a worker
            return 200, json.dumps({"ResourceTagMappingList": []})
        if target:
            return self._parameter(target, json.loads(body))
        form = dict(parse_qsl(body, keep_blank_values=True))
        action = form.get("Action", "")
        answers: dict[str, Callable[[], str | None]] = {
            "AssumeRole": lambda: _ASSUMED,
            "GetCallerIdentity": lambda: f"<Account>{ACCOUNT}</Account><Arn>{ROLE}</Arn>",
            "ListStackInstances": lambda: _member(
                "Summaries",
                {"StackId": REGIONAL_STACK, "Account": ACCOUNT, "Region": REGION},
            ),
            "DescribeStacks": lambda: self._stack(form["StackName"]),
            "GetTemplateSummary": lambda: self._summary(form["StackName"]),
        }
        result = answers[action]() if action in answers else None
        if result is None:
            text = f"{action} of {form.get('StackName', '')} does not exist"
            error = f"<Code>ValidationError</Code><Message>{escape(text)}</Message>"
            return 400, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        return (
            200,
            f"<{action}Response><{action}Result>{result}</{action}Result></{action}Response>",
        )

    def _parameter(self, target: str, asked: dict[str, Any]) -> tuple[int, str]:
        name = str(asked.get("Name"))
        top, _, rest = name.removeprefix("/copilot/applications/").partition("/")
        kind, _, record = rest.partition("/")
        values: dict[str, str] | None = None
        if target == "AmazonSSM.GetParameter" and top == self.application:
            if not rest:
                values = {"name": top, "account": ACCOUNT, "version": "1.0"}
            elif kind == "environments" and f"{top}-{record}" in self._stacks:
                roles = {"executionRoleARN": ROLE, "managerRoleARN": ROLE}
                place = {"app": top, "name": record, "region": REGION, "accountID": ACCOUNT}
                values = place | roles
        if values is None:
            return 400, json.dumps({"__type": "ParameterNotFound", "message": name})
        return 200, json.dumps({"Parameter": {"Name": name, "Value": json.dumps(values)}})

    def _stack(self, name: str) -> str | None:
        if name == REGIONAL_STACK:  # with the artifact bucket, its key and the image repositories
            arn = f"arn:aws:%s:{REGION}:{ACCOUNT}:%s"
            outputs = {"KMSKeyARN": arn % ("kms", "key/a"), "PipelineBucket": "artifacts"}
            for service in self._services:
                repository = f"repository/{self.application}/{service}"
                outputs[f"ECRRepo{service.replace('-', 'DASH')}"] = arn % ("ecr", repository)
            return _described(name, "Outputs", "Output", outputs)
        if name not in self._stacks:
            return None
        return _described(name, "Parameters", "Parameter", self._stacks[name][1])

    def _summary(self, name: str) -> str | None:
        if name not in self._stacks:
            return None
        metadata, parameters = self._stacks[name]
        keys = "".join(_tag("member", _tag("ParameterKey", key)) for key in parameters)
        return f"<Metadata>{escape(metadata)}</Metadata>{_tag('Parameters', keys)}"


class _Handler(BaseHTTPRequestHandler):
    aws: OfflineAws
    context: ssl.SSLContext
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        status, answer = self.aws.answer(self.headers.get("X-Amz-Target", ""), body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())
        self.wfile.flush()

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _tls(path: Path) -> ssl.SSLContext:
    """Return a context with a certificate for AWS's names, valid for a day, written to `path`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portable check")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = path.with_name("key.pem")
    private.touch(0o600)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    private.unlink()
    return context


def _tag(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _member(name: str, values: dict[str, str]) -> str:
    inner = "".join(_tag(key, escape(value)) for key, value in values.items())
    return _tag(name, _tag("member", inner))


def _described(name: str, kind: str, prefix: str, values: dict[str, str]) -> str:
    """Return a stack as DescribeStacks has it, with these parameters or outputs."""
    members = "".join(
        _tag("member", _tag(f"{prefix}Key", key) + _tag(f"{prefix}Value", escape(value)))
        for key, value in values.items()
    )
    status = _tag("StackStatus", "CREATE_COMPLETE") + _tag("CreationTime", "2026-01-01T00:00:00Z")
    stack = _tag("StackId", name) + _tag("StackName", name) + status + _tag(kind, members)
    return _tag("Stacks", _tag("member", stack))


_ASSUMED = _tag(
    "Credentials",
    "<AccessKeyId>offline</AccessKeyId><SecretAccessKey>offline</SecretAccessKey>"
    "<SessionToken>offline</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>",
)
