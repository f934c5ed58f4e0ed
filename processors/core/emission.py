"""How does a decision name itself? Ids and the short form in which the last answer of a pair is remembered (policy.md 9.5)."""

from __future__ import annotations

import hashlib
from typing import Final

from processors.core.pairs import Standing

_NAMESPACE: Final = bytes.fromhex("6f1d0a523c0e4f7b9a6d2e8b5c74d913")


def decision_id(customer_tenant_id: str, sequence: int, subscription_id: str, partner_tenant_id: str | None) -> str:
    """uuid5 of `customer|sequence|subscription|partner`, the partner `-` for the any-partner; `uuid.uuid5` takes three times as long."""
    name = f"{customer_tenant_id}|{sequence}|{subscription_id}|{'-' if partner_tenant_id is None else partner_tenant_id}"
    digest = bytearray(hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def answer_digest(standing: Standing) -> bytes:
    """Eight bytes that tell an answer from any other."""
    verdict, owner, instants = standing
    digest = verdict.hashed.copy()
    digest.update(f"|{owner.kind}/{owner.partner_tenant_id}|{instants}".encode())
    return digest.digest()
