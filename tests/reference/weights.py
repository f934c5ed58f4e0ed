"""What is told how often in random histories, and from which values?"""

from __future__ import annotations


def parts(text: str) -> dict[str, int]:
    """`NAME n` pairs as weights."""
    words = text.split()
    return dict(zip(words[::2], (int(number) for number in words[1::2]), strict=True))


CHANNELS = ("MICROSOFT_DIRECT", "ADVISOR", "OPEN", "EA", "MCA_ENTERPRISE", "CSP", "SYNDICATION", "THIRD_PARTY_NON_CSP")
PLATFORMS = ("LEGACY", "NEW_COMMERCE", "NOT_CSP")
OFFERS = ("LEGACY_0145P", "AZURE_PLAN", "OTHER")
CLOUDS = ("PUBLIC", "US_GOVERNMENT", "CHINA_21VIANET", "GERMANY")
SERVICES = ("LICENSE_BASED", "USAGE_BASED", "OTHER")
STATUSES = ("PENDING", "ACTIVE", "SUSPENDED", "EXPIRED", "DISABLED", "DELETED")
FAMILIES = ("RESELLER_RELATIONSHIP", "DAP", "GDAP", "MCA")
INITIATORS = ("CUSTOMER", "PARTNER", "MICROSOFT", "UNKNOWN")
COUNTRIES = ("CZ", "PL", "US", "GU", "BR", "cz", "CH", "ZZ")
NEIGHBOURS = {"CZ": "PL", "cz": "CH", "US": "GU", "BR": "AR"}
TERMS = ("P1M", "P1Y", "P1Y", "P3Y", "P31D", "P1Y1D", "P0D", "PT36H", "P1W", "P100Y", "P1200M", "P1201M", "1Y", "P", "P1YT", "P1.5M")
GDAP_DURATIONS = ("P1D", "P30D", "P90D", "P180D", "P1Y", "P2Y", "P730D", "P24M", "P1Y12M", "PT24H")
SWITCHES = ("P0D", "PT0S", "P180D", "P180D", "P30D", "P6M", "180", "P0Y")

FIRST_KINDS = parts("NEW_PURCHASE 60 DECLARED_EXTERNAL 16 TRIAL_STARTED 6 TRANSFERRED_IN 8 CORRECTION 5 RENEWED 4 UNKNOWN 1")
FIRST_KINDS_ON_CLOCKS = parts("TRANSFERRED_IN 25 CORRECTION 15")
PURCHASE_KINDS = parts(
    "NEW_PURCHASE 34 DECLARED_EXTERNAL 12 RENEWED 9 TRIAL_STARTED 5 TRIAL_CONVERTED 3 MIGRATED_TO_NEW_COMMERCE 4 TRANSFERRED_IN 5"
    " CORRECTION 14 UNKNOWN 2 NEWER_KIND 1"
)
PURCHASE_KINDS_BY_THEME = {
    "links": PURCHASE_KINDS | parts("MIGRATED_TO_NEW_COMMERCE 25 TRANSFERRED_IN 25 CORRECTION 25"),
    "corrections": PURCHASE_KINDS | parts("CORRECTION 70 RENEWED 15 UNKNOWN 6"),
}
TRANSFER_KINDS = parts("REQUESTED 34 ACCEPTED 10 COMPLETED 9 DECLINED 11 WITHDRAWN 10 EXPIRED 7 FAILED 9 UNKNOWN 4 NEWER_KIND 2")
CONSENT_KINDS = parts(
    "CONSENT_REQUESTED 20 RELATIONSHIP_ACCEPTED 24 DAP_APPROVED 12 GDAP_APPROVED 10 GDAP_ACTIVATED 12 GDAP_EXTENDED 8"
    " GDAP_MICROSOFT_LED 5 MCA_ACCEPTED 4 UNKNOWN 2 NEWER_KIND 1"
)
GRANTER_ROLES = parts("GLOBAL_ADMIN 62 UNKNOWN 20 OTHER 15 NEWER_ROLE 3")
SUBSCRIPTION_CANCELLATIONS = parts(
    "SUBSCRIPTION_CANCELLED 40 AZURE_SERVICES_CANCELLED 14 CANCEL_SCHEDULED 20 CANCEL_SCHEDULE_WITHDRAWN 8 UNKNOWN 3"
)
CANCELLATION_STATUSES = parts("COMPLETED 46 REQUESTED 18 REJECTED 14 SCHEDULED 12 WITHDRAWN 8 UNKNOWN 4 NEWER_STATUS 2")
CONSENT_ENDS = parts(
    "CONSENT_REVOKED 34 CONSENT_EXPIRED 12 CONSENT_TERMINATED 14 CONSENT_DECLINED 16 RELATIONSHIP_REMOVED 14 UNKNOWN 6 NEWER_KIND 3"
)
END_STATUSES = parts("COMPLETED 78 UNKNOWN 8 REQUESTED 4 SCHEDULED 4 REJECTED 3 WITHDRAWN 3")
PARTNER_TYPES = parts("DIRECT_BILL 40 INDIRECT_PROVIDER 14 INDIRECT_RESELLER 26 ADVISOR_PARTNER 8 NON_CSP 6 UNKNOWN 4 NEWER_TYPE 2")

MAKERS_BY_THEME = {
    "mixed": parts("purchase 16 state 14 transfer 10 consent 30 cancellation 12 end 16 review 2"),
    "licences": parts("purchase 24 state 22 transfer 10 consent 18 cancellation 18 end 7 review 1"),
    "azure": parts("purchase 22 state 14 transfer 18 consent 24 cancellation 16 end 6"),
    "consents": parts("purchase 4 state 2 transfer 2 consent 62 cancellation 2 end 26 review 2"),
    "ends": parts("purchase 2 state 2 consent 42 cancellation 2 end 50 review 2"),
    "transfers": parts("purchase 12 state 8 transfer 56 consent 14 cancellation 8 end 2"),
    "links": parts("purchase 48 state 8 transfer 22 consent 16 cancellation 8 end 2"),
    "corrections": parts("purchase 56 state 12 transfer 8 consent 10 cancellation 12 end 2"),
    "government": parts("purchase 14 state 10 transfer 10 consent 42 cancellation 8 end 16"),
    "clocks": parts("purchase 20 state 26 transfer 8 consent 20 cancellation 18 end 6 review 2"),
    "abroad": parts("purchase 14 state 8 transfer 10 consent 52 cancellation 6 end 10"),
    "ties": parts("purchase 22 state 12 transfer 14 consent 26 cancellation 12 end 14"),
    "extremes": parts("purchase 28 state 14 transfer 12 consent 28 cancellation 8 end 8 review 2"),
}
THEMES = tuple(MAKERS_BY_THEME)
"""What a history is mostly about; `python -m tests.reference.coverage` shows what each reaches."""
