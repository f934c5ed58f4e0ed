"""In which market does a country lie? The CSP markets page of August 2023 (policy.md 5.8), one table for all instants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MARKETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        name: tuple(countries.split())
        for name, countries in {
            "Europe": """
            AX AD AT BE BV BG HR CY CZ DK EE FO FI FR DE GI GR GL GG HU IS IE IM IT JE LV LI LT LU MT MC NL NO PL PT RO SM
            SK SI ES SJ SE CH GB VA
        """,
            "United States": "US AS GU MP UM",
            "Canada": "CA PM",
            "Australia": "AU CX CC CK FJ TF HM KI MH FM NR NU NF PW PG PN SB TK TO TV WF",
            "New Zealand": "NZ WS VU",
            "Asia Pacific": "BD BT BN KH HK ID LA MO MY MV MM NP PH SG LK TH TL VN",
            "Africa": """
            AO BJ BW BF BI CM CV CF TD KM CG CD CI DJ GQ ER ET PF GA GM GH GN GW KE LR MG ML MW MU YT NA NC NE NG RE RW ST
            SN SC SL SO SS SH TZ TG UG ZM
        """,
            "Latin America and the Caribbean": """
            AI AQ AG AR AW BS BB BZ BM BO BQ VG KY CL CO CR CW DM DO EC SV FK GF GD GP GT GY HT HN JM MQ MX MS NI PA PY PE
            PR BL KN LC MF VC SX GS SR TT TC UY VE VI
        """,
            "Middle East, Central and Eastern Europe": """
            AF AL DZ AM AZ BH BA IO EG GE IQ IL JO KZ XK KW KG LB LS LY MR MD MN ME MA MZ MK OM PK PS QA SA RS ZA SZ TJ TN
            TR TM UA AE UZ YE ZW
        """,
        }.items()
    }
)

_MARKET_OF: Final[Mapping[str, str]] = {country: market for market, countries in MARKETS.items() for country in countries}


def same_market(country: str, other: str) -> bool:
    """Whether a partner of one country may sell to a customer of the other; a country not listed is a market of its own."""
    return _MARKET_OF.get(country, country) == _MARKET_OF.get(other, other)
