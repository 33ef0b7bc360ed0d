"""A forge for tests: it signs alerts as the real ones do, and publishes its keys on a real socket."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.serving import Api
from tokenguard.config.server_file import default_policies
from tokenguard.model.leak_intake import AlertSource, LeakIntake
from tokenguard.model.policy import Policies

GITHUB = "/webhooks/github/secret-scanning"
GITLAB = "/webhooks/gitlab/partner"
_HEADERS = {GITHUB: "Github-Public-Key", GITLAB: "Gitlab-Public-Key"}


class SigningKey:
    """One of the forge's keys."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.id = sha256(self.pem.encode()).hexdigest()

    def sign(self, body: bytes) -> str:
        return b64encode(self._key.sign(body, ec.ECDSA(SHA256()))).decode()

    def headers(self, body: bytes, path: str = GITHUB) -> dict[str, str]:
        name = _HEADERS[path]
        return {f"{name}-Identifier": self.id, f"{name}-Signature": self.sign(body)}


@dataclass
class KeyService:
    """Where the keys are published. A test says what it answers."""

    url: str
    published: list[SigningKey] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    document: bytes | None = None
    """Instead of the keys."""
    slow: threading.Event | None = None
    """Answers when it is set."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request."""

    def answer(self) -> bytes:
        if self.document is not None:
            return self.document
        keys = [{"key_identifier": key.id, "key": key.pem, "is_current": True} for key in self.published]
        return json.dumps({"public_keys": keys}).encode()


@contextmanager
def key_service(*keys: SigningKey) -> Iterator[KeyService]:
    """The service, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            service.asked.append(dict(self.headers))
            if service.slow is not None:
                service.slow.wait(30)
            body = service.answer()
            self.send_response(service.status)
            for name, value in {**service.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service = KeyService(f"http://127.0.0.1:{server.server_port}/keys", list(keys))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield service
    finally:
        if service.slow is not None:
            service.slow.set()
        server.shutdown()
        thread.join()
        server.server_close()


def policies_with(intake: LeakIntake) -> Policies:
    """The defaults, with these doors."""
    return replace(default_policies(), leak_intake=intake)


def alerts_of(service: KeyService) -> Policies:
    """Policies that take alerts of both forges, signed by the keys of that service."""
    source = AlertSource(keys_url=service.url)
    return policies_with(LeakIntake(github=source, gitlab=source))


def entry(token: str, **more: Any) -> dict[str, Any]:
    """One entry as GitHub writes it."""
    return {"token": token, "type": "a_type", "url": "https://git.example.org/o/r", "source": "commit"} | more


def encoded(*entries: Any) -> bytes:
    return json.dumps(list(entries)).encode()


def send(api: Api, key: SigningKey, body: bytes, path: str = GITHUB, **headers: str) -> requests.Response:
    """Send an alert, signed; `headers` (with _ for -) are put over the right ones."""
    said = key.headers(body, path) | {name.replace("_", "-"): value for name, value in headers.items()}
    return api.ask("POST", path, token=None, headers=said | {"Content-Type": "application/json"}, data=body)


def labels(answer: requests.Response) -> list[str]:
    """What is said of each token."""
    assert answer.status_code == 200, answer.text
    return [each["label"] for each in answer.json()]
