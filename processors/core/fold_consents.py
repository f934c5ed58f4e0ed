"""What does an event add about consents? Profiles, requests, grants, extensions, ends and declines (policy.md 4.5)."""

from __future__ import annotations

from typing import Final

from processors.core import facts as f
from processors.core.additions import Additions, effective
from processors.core.calendar import read_duration
from processors.core.events import Cancellation, ConsentGranted
from processors.core.facts import End, Extension, Grant, Reach, make_grant
from processors.core.registers import Key, Value
from processors.core.symbols import (
    CancellationKind,
    CancellationStatus,
    ConsentFamily,
    ConsentKind,
    EvidenceLevel,
    GranterRole,
    Initiator,
    RequestedConsent,
)

_GDAP_GRANTS: Final = frozenset({ConsentKind.GDAP_APPROVED, ConsentKind.GDAP_ACTIVATED, ConsentKind.GDAP_MICROSOFT_LED})
_REQUESTED: Final = {RequestedConsent.DAP: f.DAP, RequestedConsent.GDAP: f.GDAP}
_FAMILY_PLACES: Final[dict[ConsentFamily | None, tuple[int, ...]]] = {
    ConsentFamily.RESELLER_RELATIONSHIP: (f.RELATIONSHIP,),
    ConsentFamily.DAP: (f.DAP,),
    ConsentFamily.GDAP: (f.GDAP,),
    ConsentFamily.MCA: (),
    ConsentFamily.UNKNOWN: (f.RELATIONSHIP, f.DAP, f.GDAP),
    None: (f.RELATIONSHIP, f.DAP, f.GDAP),
}


_REQUESTED_KIND: Final = ConsentKind.CONSENT_REQUESTED
_ACCEPTED: Final = ConsentKind.RELATIONSHIP_ACCEPTED
_DAP_APPROVED: Final = ConsentKind.DAP_APPROVED
_GDAP_EXTENDED: Final = ConsentKind.GDAP_EXTENDED
_GDAP_LED: Final = ConsentKind.GDAP_MICROSOFT_LED
_MCA_ACCEPTED: Final = ConsentKind.MCA_ACCEPTED
_GLOBAL_ADMIN: Final = GranterRole.GLOBAL_ADMIN
_PARTNER_CENTER: Final = EvidenceLevel.PARTNER_CENTER


def add_consent(added: Additions, event: ConsentGranted) -> None:
    """A request, a grant, an extension; every kind says something of the partner."""
    kind, at = event.kind, event.occurred_at
    added.partner = event.partner_tenant_id
    added.partners = (event.partner_tenant_id,)
    added.of_partner = writes = _profile(event)
    if kind is _REQUESTED_KIND:
        family = _REQUESTED.get(event.requested_consent, f.RELATIONSHIP) if event.requested_consent is not None else f.RELATIONSHIP
        writes.append((f.REQUEST + family, at, True))
    elif kind is _ACCEPTED:
        grant = _grant(added.key, event)
        added.grants = (((f.RELATIONSHIP, event.consent_id), grant),)
        if event.includes_delegated_admin is True:
            added.grants += (((f.DAP, event.consent_id), grant),)
    elif kind is _DAP_APPROVED:
        added.grants = (((f.DAP, event.consent_id), _grant(added.key, event)),)
    elif kind in _GDAP_GRANTS:
        added.grants = (((f.GDAP, event.consent_id), _grant(added.key, event)),)
    elif kind is _GDAP_EXTENDED:
        added.extension = (event.consent_id, Extension(added.key, event.valid_until, _duration(event.auto_extend_duration)))


def _profile(event: ConsentGranted) -> list[tuple[int, int, Value]]:
    """What every kind says of the partner."""
    at = event.occurred_at
    writes: list[tuple[int, int, Value]] = [(f.PARTNER_TYPE, at, event.partner_type)]
    if event.partner_country is not None:
        writes.append((f.PARTNER_COUNTRY, at, event.partner_country))
    if event.indirect_provider_tenant_id is not None:
        writes.append((f.INDIRECT_PROVIDER, at, event.indirect_provider_tenant_id))
    if event.kind is _MCA_ACCEPTED:
        writes.append((f.MCA_ACCEPTED, at, True))
    elif event.mca_accepted is not None:
        writes.append((f.MCA_ACCEPTED, at, event.mca_accepted))
    return writes


def _grant(key: Key, event: ConsentGranted) -> Grant:
    led = event.kind is _GDAP_LED
    return make_grant(
        key,
        _GLOBAL_ADMIN if led else event.granted_by_role,
        event.valid_from,
        event.valid_until,
        _duration(event.duration),
        _duration(event.auto_extend_duration),
        event.includes_delegated_admin,
        event.evidence_level is _PARTNER_CENTER,
        event.kind is _ACCEPTED,
        led,
    )


def _duration(text: str | None) -> str | None:
    return text if text is not None and read_duration(text) is not None else None


def add_end(added: Additions, event: Cancellation) -> None:
    """An end, a decline or the end of the MCA; the status is known to end."""
    kind, family = event.kind, event.consent_family
    since = effective(event)
    if kind is CancellationKind.CONSENT_DECLINED:
        added.of_partner = [(f.DECLINED + place, since, True) for place in _FAMILY_PLACES[family]]
        return
    in_doubt = event.cancellation_status is CancellationStatus.UNKNOWN
    if kind is CancellationKind.UNKNOWN:
        reach, in_doubt = Reach.ADMIN, True
    elif kind is CancellationKind.RELATIONSHIP_REMOVED or family is ConsentFamily.RESELLER_RELATIONSHIP:
        reach = Reach.RELATIONSHIP_AND_DAP
    elif family is ConsentFamily.DAP:
        reach = Reach.DAP
    elif family is ConsentFamily.GDAP:
        reach = Reach.GDAP
    elif family is ConsentFamily.MCA:
        added.of_partner = [(f.MCA_ACCEPTED, since, False)]
        return
    else:
        reach = Reach.ADMIN if event.consent_id is None else Reach.BY_ID
    added.end = End(
        in_force_from=since,
        key=added.key,
        reach=reach,
        consent_id=event.consent_id if reach in {Reach.GDAP, Reach.BY_ID} else None,
        in_doubt=in_doubt,
        expired=kind is CancellationKind.CONSENT_EXPIRED,
        by_microsoft=event.initiated_by is Initiator.MICROSOFT,
    )
