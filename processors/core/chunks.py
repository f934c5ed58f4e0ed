"""How is a customer's state stored, piece by piece? A header, a chunk a subscription, a chunk a partner (docs/state.md).

An event rewrites the header and the chunks of what it touched, whatever the customer's size. The bytes are canonical: the same state, the
same bytes; a golden test pins them. After each applied event: `touched_chunks`, `state_hash`, and once the journal entry is made, `header`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from processors.core import bytes_form as b
from processors.core.bytes_form import Keys, Reader
from processors.core.facts import Customer, End, Extension, Grant, Partner, Reach, Subscription, Transfer
from processors.core.state import RECENT_MAX, CustomerState, Emitted
from processors.core.symbols import GranterRole, TransferKind

FORMAT: Final = 1
HEADER: Final = "h"
_DIGEST: Final = 8
_HASH: Final = 32
_ROLES: Final = tuple(GranterRole)
_KINDS: Final = tuple(TransferKind)
_REACHES: Final = tuple(Reach)


def subscription_chunk(subscription_id: str) -> str:
    """The name of a subscription's chunk."""
    return f"s|{subscription_id}"


def partner_chunk(partner_tenant_id: str) -> str:
    """The name of a partner's chunk."""
    return f"p|{partner_tenant_id}"


def touched_chunks(state: CustomerState) -> dict[str, bytes]:
    """The chunks of subscriptions and partners that changed since the last call, by name; none of them is ever removed."""
    chunks = {subscription_chunk(name): _encode_subscription(state, name) for name in sorted(state.dirty_subscriptions)}
    chunks.update({partner_chunk(name): _encode_partner(state.facts.partners[name]) for name in sorted(state.dirty_partners)})
    state.dirty_subscriptions.clear()
    state.dirty_partners.clear()
    for name, raw in chunks.items():
        state.chunk_hashes[name] = _hash(name, raw)
    return chunks


def state_hash(state: CustomerState) -> bytes:
    """SHA-256 over the sorted hashes of all chunks, the header's hashed part among them; after `touched_chunks`."""
    hashes = sorted([*state.chunk_hashes.values(), _hash(HEADER, _hashed_header(state))])
    return hashlib.sha256(b"".join(hashes)).digest()


def header(state: CustomerState, wake: int | None) -> bytes:
    """The header chunk: its hashed part, and behind it what is no part of the state: the next wake-up and the journal's place and hash."""
    hashed = _hashed_header(state)
    journal = b.number(state.journal_sequence) + b.number(len(state.journal_head)) + state.journal_head
    return b"".join([bytes((FORMAT,)), b.optional_instant(wake), journal, hashed])


class Header(NamedTuple):
    """What the header says without the rest of the state; instants in microseconds."""

    wake: int | None
    journal_sequence: int
    journal_head: bytes
    as_of: int
    sequence: int


def read_header(raw: bytes) -> Header:
    """The header alone; ValueError where the bytes are none."""
    return _read_header(Reader(raw))


def _read_header(reader: Reader) -> Header:
    _check_format(reader)
    wake = reader.optional_instant()
    journal_sequence = reader.number()
    journal_head = reader.take(reader.number())
    return Header(wake, journal_sequence, journal_head, reader.instant(), reader.number())


def load(customer_tenant_id: str, chunks: Mapping[str, bytes], recent_max: int = RECENT_MAX) -> CustomerState:
    """The state from all its chunks by name; ValueError, naming the chunk, where one cannot be read. No chunks: nothing is known yet."""
    state = CustomerState(customer_tenant_id, recent_max)
    for name, raw in sorted(chunks.items()):
        reader = Reader(raw)
        try:
            if name == HEADER:
                _load_header(state, reader)
                continue
            _check_format(reader)
            kind, _, identity = name.partition("|")
            _LOADERS[kind](state, identity, reader)
        except (ValueError, LookupError) as error:
            raise ValueError(f"state chunk {name!r} of customer {customer_tenant_id} cannot be read: {error}") from error
        state.chunk_hashes[name] = _hash(name, raw)
    return state


def _check_format(reader: Reader) -> None:
    written = reader.byte()
    if written != FORMAT:
        raise ValueError(f"format {written}, expected {FORMAT}")


def _hash(name: str, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\x00" + raw).digest()


def _hashed_header(state: CustomerState) -> bytes:
    if state.hashed_header is None:
        keys = Keys()
        written = b.registers(state.facts.registers, keys)
        recent = state.recent.in_order()
        state.hashed_header = b"".join([
            b.instant(state.facts.as_of), b.number(state.sequence), keys.encode(), written, b.number(len(recent)), *recent,
        ])  # fmt: skip
    return state.hashed_header


def _load_header(state: CustomerState, reader: Reader) -> None:
    found = _read_header(reader)
    state.journal_sequence, state.journal_head = found.journal_sequence, found.journal_head
    state.facts.as_of, state.sequence, state.stored_wake = found.as_of, found.sequence, found.wake
    reader.read_keys()
    reader.registers(state.facts.registers, {})
    for _ in range(reader.number()):
        state.recent.add(reader.take(_DIGEST))
    _check_done(reader)


def _check_done(reader: Reader) -> None:
    if not reader.done():
        raise ValueError("bytes are left over")


def _encode_subscription(state: CustomerState, subscription_id: str) -> bytes:
    told = state.told_bytes.get(subscription_id)
    if told is None:
        told = state.told_bytes[subscription_id] = _encode_told(state.facts, subscription_id)
    emitted = state.emitted.get(subscription_id, {})
    parts = [told, b.number(len(emitted))]
    for partner in sorted(emitted, key=_any_partner_first):
        last = emitted[partner]
        parts += [b.optional_identity(partner), b.number(last.sequence), last.digest]
    return b"".join(parts)


def _any_partner_first(partner: str | None) -> str:
    return partner or ""


def _encode_told(facts: Customer, subscription_id: str) -> bytes:
    """Registers and transfers, with their keys."""
    keys = Keys()
    parts = [b.registers(facts.subscriptions[subscription_id].registers, keys)]
    transfers = sorted((name, transfer) for name, transfer in facts.transfers.items() if transfer.subscription_id == subscription_id)
    parts.append(b.number(len(transfers)))
    for transfer_id, transfer in transfers:
        parts += [
            b.identity(transfer_id),
            keys.place(transfer.key),
            bytes((_KINDS.index(transfer.kind),)),
            b.identity(transfer.source_partner_tenant_id),
            b.identity(transfer.target_partner_tenant_id),
            b.optional_identity(transfer.new_subscription_id),
            b.optional_instant(transfer.expires_at),
        ]
    return b"".join([bytes((FORMAT,)), keys.encode(), *parts])


def _load_subscription(state: CustomerState, subscription_id: str, reader: Reader) -> None:
    subscription = state.facts.subscriptions[subscription_id] = Subscription(subscription_id)
    reader.read_keys()
    reader.registers(subscription.registers, b.SYMBOLS)
    for _ in range(reader.number()):
        transfer_id = reader.identity()
        state.facts.transfers[transfer_id] = Transfer(
            key=reader.key(),
            kind=_KINDS[reader.byte()],
            subscription_id=subscription_id,
            source_partner_tenant_id=reader.identity(),
            target_partner_tenant_id=reader.identity(),
            new_subscription_id=reader.optional_identity(),
            expires_at=reader.optional_instant(),
        )
    emitted: dict[str | None, Emitted] = {}
    for _ in range(reader.number()):
        partner = reader.optional_identity()
        emitted[partner] = Emitted(reader.number(), reader.take(_DIGEST), None)
    state.emitted[subscription_id] = emitted
    _check_done(reader)


def _encode_partner(partner: Partner) -> bytes:
    keys = Keys()
    parts = [b.registers(partner.registers, keys), b.number(len(partner.grants))]
    for (family, consent_id), grants in sorted(partner.grants.items(), key=lambda slot: (slot[0][0], slot[0][1] or "")):
        parts += [bytes((family,)), b.optional_identity(consent_id), b.number(len(grants))]
        for grant in grants:
            parts += [keys.place(grant.key), _encode_grant(grant)]
    parts.append(b.number(len(partner.extensions)))
    for consent_id, extensions in sorted(partner.extensions.items(), key=lambda slot: slot[0] or ""):
        parts += [b.optional_identity(consent_id), b.number(len(extensions))]
        for extension in extensions:
            parts += [keys.place(extension.key), b.optional_instant(extension.valid_until), b.optional_text(extension.auto_extend_duration)]
    parts.append(b.number(len(partner.ends)))
    for end in partner.ends:
        flags = end.in_doubt | end.expired << 1 | end.by_microsoft << 2
        parts += [
            keys.place(end.key),
            b.optional_instant(None if end.in_force_from == end.key[0] else end.in_force_from),
            bytes((_REACHES.index(end.reach), flags)),
            b.optional_identity(end.consent_id),
        ]
    return b"".join([bytes((FORMAT,)), keys.encode(), *parts])


def _encode_grant(grant: Grant) -> bytes:
    includes = {None: 0, False: 1, True: 2}[grant.includes_delegated_admin]
    flags = grant.by_partner_center | grant.by_relationship << 1 | grant.microsoft_led << 2 | includes << 3
    return b"".join(
        [
            bytes((_ROLES.index(grant.role), flags)),
            b.optional_instant(grant.valid_from),
            b.optional_instant(grant.valid_until),
            b.optional_text(grant.duration),
            b.optional_text(grant.auto_extend_duration),
        ]
    )


def _load_partner(state: CustomerState, partner_tenant_id: str, reader: Reader) -> None:
    partner = state.facts.partners[partner_tenant_id] = Partner(partner_tenant_id)
    reader.read_keys()
    reader.registers(partner.registers, b.PARTNER_SYMBOLS)
    for _ in range(reader.number()):
        slot = reader.byte(), reader.optional_identity()
        partner.grants[slot] = [_read_grant(reader) for _ in range(reader.number())]
    for _ in range(reader.number()):
        consent_id = reader.optional_identity()
        partner.extensions[consent_id] = [
            Extension(reader.key(), reader.optional_instant(), reader.optional_text()) for _ in range(reader.number())
        ]
    for _ in range(reader.number()):
        key, start = reader.key(), reader.optional_instant()
        reach, flags = _REACHES[reader.byte()], reader.byte()
        consent_id = reader.optional_identity()
        told = bool(flags & 1), bool(flags & 2), bool(flags & 4)
        partner.ends.append(End(key[0] if start is None else start, key, reach, consent_id, *told))
    _check_done(reader)


def _read_grant(reader: Reader) -> Grant:
    key, role, flags = reader.key(), _ROLES[reader.byte()], reader.byte()
    return Grant(
        key=key,
        role=role,
        valid_from=reader.optional_instant(),
        valid_until=reader.optional_instant(),
        duration=reader.optional_text(),
        auto_extend_duration=reader.optional_text(),
        includes_delegated_admin=(None, False, True)[flags >> 3],
        by_partner_center=bool(flags & 1),
        by_relationship=bool(flags & 2),
        microsoft_led=bool(flags & 4),
    )


_LOADERS: Final = {"s": _load_subscription, "p": _load_partner}
