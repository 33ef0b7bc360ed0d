"""Signed alerts, sent one after the other: each is answered when its tokens are dead.

    python -m bench.store.alert URL_FILE KEY_FILE --alerts N --entries N [--path PATH] [--seed N]

The tokens are those of a made store, from the first on. They are signed before the clock starts; every answer must say
of each token that it is the store's.
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from bench.store.made import token

PATH = "/webhooks/github/secret-scanning"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The forge's key, as far as the bench plays one."""

    private: ec.EllipticCurvePrivateKey

    @property
    def public_pem(self) -> str:
        """What the forge publishes."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def id(self) -> str:
        """Its name."""
        return sha256(self.public_pem.encode()).hexdigest()

    def headers(self, body: bytes) -> dict[str, str]:
        """Those of a message."""
        signature = b64encode(self.private.sign(body, ec.ECDSA(SHA256()))).decode()
        return {"Github-Public-Key-Identifier": self.id, "Github-Public-Key-Signature": signature}


def make_key(key_file: Path, published: Path) -> None:
    """A new key, and the document in which it is published."""
    key = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    key_file.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    published.write_text(json.dumps({"public_keys": [{"key_identifier": key.id, "key": key.public_pem}]}))


def main() -> None:
    """Send, and print how long it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.store.alert")
    parser.add_argument("url_file", type=Path)
    parser.add_argument("key_file", type=Path)
    parser.add_argument("--alerts", type=int, required=True)
    parser.add_argument("--entries", type=int, required=True)
    parser.add_argument("--path", default=PATH)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    private = load_pem_private_key(wanted.key_file.read_bytes(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        parser.error("not a key of an elliptic curve")
    key = SigningKey(private)
    bodies = [body(wanted.seed, at * wanted.entries, wanted.entries) for at in range(wanted.alerts)]
    signed = [(each, key.headers(each)) for each in bodies]
    url = urlsplit(wanted.url_file.read_text("ascii"))
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    known, seconds = send(connection, wanted.path, signed)
    connection.close()
    complete = known == wanted.alerts * wanted.entries
    print(json.dumps({"count": known, "complete": complete, "seconds": seconds}))


def body(seed: int, start: int, entries: int) -> bytes:
    """One message."""
    values = (token(seed, start + number).reveal().decode() for number in range(entries))
    where = {"type": "bench", "url": "https://git.example.org/o/r", "source": "commit"}
    return json.dumps([{"token": value, **where} for value in values]).encode()


def send(
    connection: http.client.HTTPConnection, path: str, signed: list[tuple[bytes, dict[str, str]]]
) -> tuple[int, float]:
    """How many tokens were known, and the seconds until the last answer."""
    connection.connect()
    known = 0
    started = time.perf_counter()
    for message, headers in signed:
        connection.request("POST", path, message, headers)
        answer = connection.getresponse().read()
        known += answer.count(b'"true_positive"')
    return known, time.perf_counter() - started


if __name__ == "__main__":
    main()
