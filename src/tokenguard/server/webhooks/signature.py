"""Signatures of forges: ECDSA over P-256 with SHA-256, of the bytes as they came. The one place with cryptography."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tokenguard.model.leak_intake import PartnerKey

_ALGORITHM = ECDSA(SHA256())


def public_keys(keys: Iterable[PartnerKey]) -> dict[str, EllipticCurvePublicKey]:
    """Those of the keys that are on P-256, by their ids; whatever else a document holds is left out."""
    read = ((key.id, _public_key(key.pem)) for key in keys)
    return {key_id: key for key_id, key in read if key is not None}


def _public_key(pem: str) -> EllipticCurvePublicKey | None:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def is_signed(key: EllipticCurvePublicKey, signature: bytes, body: bytes) -> bool:
    """Whether `signature`, base64 of DER, is that of `body`."""
    try:
        key.verify(b64decode(signature, validate=True), body, _ALGORITHM)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
