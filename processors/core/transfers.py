"""How do the transfers of a subscription stand? By partner as target, at an instant (policy.md 5.7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from processors.core.calendar import DAY, plus
from processors.core.conclusions import Reason
from processors.core.facts import Transfer
from processors.core.policy import FOREVER
from processors.core.registers import Key
from processors.core.symbols import TransferKind

REQUEST_RUNS: Final = 30 * DAY

_ENDED: Final = {
    TransferKind.DECLINED: Reason.TRANSFER_DECLINED,
    TransferKind.WITHDRAWN: Reason.TRANSFER_WITHDRAWN,
    TransferKind.EXPIRED: Reason.TRANSFER_EXPIRED,
    TransferKind.FAILED: Reason.TRANSFER_FAILED,
}


class TransferPosition(NamedTuple):
    """What a partner is told of the transfers of which it is the target; of `running` its last event, and its expiry."""

    unreadable: bool = False
    running: TransferKind | None = None
    expiry: int | None = None
    last_ended: Reason | None = None


NO_TRANSFER: Final = TransferPosition()


def transfers_at(transfers: Iterable[Transfer], instant: int) -> tuple[dict[str, TransferPosition], int]:
    """The position of each target, and until when; `transfers` are those to look at."""
    positions: dict[str, TransferPosition] = {}
    running_keys: dict[str, Key] = {}
    ended_keys: dict[str, tuple[int, Key]] = {}
    until = FOREVER
    for transfer in transfers:
        target = transfer.target_partner_tenant_id
        position = positions.get(target, NO_TRANSFER)
        kind, reason, ended_at, expiry = transfer.kind, _ENDED.get(transfer.kind), transfer.key[0], None
        if kind is TransferKind.REQUESTED:
            expiry = transfer.expires_at if transfer.expires_at is not None else plus(transfer.key[0], REQUEST_RUNS)
            if expiry is not None and expiry <= instant:
                reason, ended_at = Reason.TRANSFER_EXPIRED, expiry
            elif expiry is not None:
                until = min(until, expiry)
        if kind is TransferKind.UNKNOWN:
            position = position._replace(unreadable=True)
        elif reason is not None:
            if target not in ended_keys or (ended_at, transfer.key) > ended_keys[target]:
                ended_keys[target] = (ended_at, transfer.key)
                position = position._replace(last_ended=reason)
        elif kind is not TransferKind.COMPLETED and (target not in running_keys or transfer.key > running_keys[target]):
            running_keys[target] = transfer.key
            position = position._replace(running=kind, expiry=expiry)
        positions[target] = position
    return positions, until
