"""Under which policy was an entry decided? Its fingerprint says so; these are the policies that this program can put together again."""

from __future__ import annotations

from typing import Final

from processors.core.policy import LICENCE_TRANSFER_FROM, Policy, released

_STARTS: Final = (LICENCE_TRANSFER_FROM, None)


class Policies:
    """The released policy as every earlier version of the program had it, with the switch as shipped, off, and as set."""

    def __init__(self, licence_transfer_from: int | None = LICENCE_TRANSFER_FROM) -> None:
        """`licence_transfer_from` is what the settings say, in microseconds; None is `off`."""
        self.in_force = Policy.shipped(licence_transfer_from)
        self._by_fingerprint = {self.in_force.fingerprint: self.in_force}
        for start in dict.fromkeys((licence_transfer_from, *_STARTS)):
            changes = released(start)
            for count in range(len(changes), 0, -1):
                policy = Policy(changes[:count])
                self._by_fingerprint.setdefault(policy.fingerprint, policy)

    def of(self, fingerprint: str) -> Policy | None:
        """The policy with that fingerprint; None where it cannot be put together."""
        return self._by_fingerprint.get(fingerprint)
