"""What does an event add about consents? Profiles, requests, grants, extensions, ends and declines (policy.md 4.5)."""

from __future__ import annotations

from typing import Final

from processors.core import facts as f
from processors.core.additions import Additions, effective
from processors.core.calendar import read_duration
from processors.core.events import Cancellation, ConsentGranted
from processors.core.facts import End, Extension, Grant, Key, Reach, Value
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


def add_consent(added: Additions, event: ConsentGranted) -> None:
    """A request, a grant, an extension; every kind says something of the partner."""
    kind, at = event.kind, event.occurred_at
    added.partner = event.partner_tenant_id
    added.partners.append(event.partner_tenant_id)
    profile: list[tuple[int, Value]] = [
        (f.PARTNER_TYPE, event.partner_type),
        (f.PARTNER_COUNTRY, event.partner_country),
        (f.INDIRECT_PROVIDER, event.indirect_provider_tenant_id),
        (f.MCA_ACCEPTED, True if kind is ConsentKind.MCA_ACCEPTED else event.mca_accepted),
    ]
    if kind is ConsentKind.CONSENT_REQUESTED:
        family = _REQUESTED.get(event.requested_consent, f.RELATIONSHIP) if event.requested_consent is not None else f.RELATIONSHIP
        profile.append((f.REQUEST + family, True))
    added.of_partner.extend((register, at, value) for register, value in profile if value is not None)
    if kind is ConsentKind.RELATIONSHIP_ACCEPTED:
        added.grants.append(((f.RELATIONSHIP, event.consent_id), _grant(added.key, event)))
        if event.includes_delegated_admin is True:
            added.grants.append(((f.DAP, event.consent_id), _grant(added.key, event)))
    elif kind is ConsentKind.DAP_APPROVED:
        added.grants.append(((f.DAP, event.consent_id), _grant(added.key, event)))
    elif kind in _GDAP_GRANTS:
        added.grants.append(((f.GDAP, event.consent_id), _grant(added.key, event)))
    elif kind is ConsentKind.GDAP_EXTENDED:
        added.extension = (event.consent_id, Extension(added.key, event.valid_until, _duration(event.auto_extend_duration)))


def _grant(key: Key, event: ConsentGranted) -> Grant:
    led = event.kind is ConsentKind.GDAP_MICROSOFT_LED
    return Grant(
        key=key,
        role=GranterRole.GLOBAL_ADMIN if led else event.granted_by_role,
        valid_from=event.valid_from,
        valid_until=event.valid_until,
        duration=_duration(event.duration),
        auto_extend_duration=_duration(event.auto_extend_duration),
        includes_delegated_admin=event.includes_delegated_admin,
        by_partner_center=event.evidence_level is EvidenceLevel.PARTNER_CENTER,
        by_relationship=event.kind is ConsentKind.RELATIONSHIP_ACCEPTED,
        microsoft_led=led,
    )


def _duration(text: str | None) -> str | None:
    return text if text is not None and read_duration(text) is not None else None


def add_end(added: Additions, event: Cancellation) -> None:
    """An end, a decline or the end of the MCA; the status is known to end."""
    kind, family = event.kind, event.consent_family
    since = effective(event)
    if kind is CancellationKind.CONSENT_DECLINED:
        added.of_partner.extend((f.DECLINED + place, since, True) for place in _FAMILY_PLACES[family])
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
        added.of_partner.append((f.MCA_ACCEPTED, since, False))
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
