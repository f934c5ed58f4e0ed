"""Do the texts say what the list of terms says? `terms.md` beside this file is that list, copied whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from processors.core.conclusions import Actor, BillingOwnerKind, MoveOption, NextStepCode, Outcome, Reason, Role, SupportAccess
from processors.words.phrases import Phrase
from processors.words.vocabulary import Vocabulary, vocabularies
from processors.words.worded import Heading, Label, Rule, Worded

TERMS = (Path(__file__).parent / "terms.md").read_text(encoding="utf-8")
TRANSLATIONS = ("cs", "pl", "hu", "sv", "zh-CN")
PARTS: dict[str, type[Worded]] = {"support_access": SupportAccess, "move_option": MoveOption, "billing_owner": BillingOwnerKind}

Pinned = dict[tuple[str, type[Worded], str], str]  # (language, set, code) -> text


def tables() -> Iterator[list[dict[str, str]]]:
    """The tables of the list, each a list of rows by heading."""
    for block in re.findall(r"(?:^\|.*\n)+", TERMS, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        yield [dict(zip(head, row, strict=True)) for row in rows]


def pinned() -> Pinned:
    """Every text that the list gives for a code."""
    found: Pinned = {}
    roles = {
        "Global admin": "GLOBAL_ADMIN",
        "User management admin": "USER_MANAGEMENT_ADMIN",
        "Sales agent": "SALES_AGENT",
        "Admin agent": "ADMIN_AGENT",
    }
    for row in (row for table in tables() for row in table):
        texts = {tag: re.sub(r" \([lo]\)$", "", text) for tag, text in row.items() if tag in {"en", *TRANSLATIONS}}
        codes: type[Worded]
        if "outcome" in row:
            codes, code = Outcome, row["outcome"]
        elif "part, code" in row:
            part, code = row["part, code"].split()
            codes = PARTS[part]
        elif "reason" in row:
            codes, code, texts = Reason, row["reason"], {"en": row["text"]}
        elif "step" in row:
            codes, code, texts = NextStepCode, row["step"], {"en": row["text"]}
        elif row.get("en") in roles:
            codes, code = Role, roles[row["en"]]
        else:
            continue
        found.update({(tag, codes, code): text for tag, text in texts.items()})
    for code, text in re.findall(r"([A-Z_]+) ((?:the|this) [a-z ]+|Microsoft)(?: ·|\.)", re.search(r"^Actors: .*", TERMS, re.MULTILINE)[0]):  # type: ignore[index]
        found["en", Actor, code] = text
    return found


def departures(words: Mapping[str, Vocabulary]) -> list[str]:
    """The codes whose text is not that of the list."""
    return [f"{tag} {code}" for (tag, codes, code), text in pinned().items() if words[tag].text(codes(code)) != text]


def test_the_list_gives_as_many_texts_as_there_are_codes() -> None:
    six, one = (
        (len(Outcome) + len(SupportAccess) + len(MoveOption) + len(BillingOwnerKind) + len(Role)),
        (len(Reason) + len(NextStepCode) + len(Actor)),
    )
    assert len(pinned()) == 6 * six + one


def test_every_text_of_the_list_is_carried_exactly() -> None:
    assert departures(vocabularies()) == []


def test_the_comparison_with_the_list_can_fail() -> None:
    words = dict(vocabularies())
    changed = {**words["sv"].codes, Outcome: {**words["sv"].codes[Outcome], "CLOSED": "Klart."}}
    words["sv"] = Vocabulary("sv", "", (), changed, {})
    assert departures(words) == ["sv CLOSED"]


# what has to stand in a translation wherever the English text has the word on the left: the stems of sections 1 and 6
STEMS: dict[str, dict[str, str]] = {
    "subscription": {"cs": "předplatn", "pl": "subskrypc", "hu": "előfizet", "sv": "prenumeration", "zh-CN": "订阅"},
    "customer": {"cs": "zákazn", "pl": "klien", "hu": "ügyf", "sv": "kund", "zh-CN": "客户"},
    "partner": {"cs": "partner", "pl": "partner", "hu": "partner", "sv": "partner", "zh-CN": "合作伙伴"},
    "current partner": {"cs": "aktuáln", "pl": "bieżąc", "hu": "aktuális", "sv": "aktuella", "zh-CN": "当前合作伙伴"},
    "tenant": {"cs": "tenant", "pl": "dzierżaw", "hu": "bérlő", "sv": "klientorganisation", "zh-CN": "租户"},
    "reseller relationship": {
        "cs": "vztah prodejce",
        "pl": "relacj[aięe] odsprzedawcy",
        "hu": "viszonteladói kapcsolat",
        "sv": "återförsäljarrelation",
        "zh-CN": "经销商关系",
    },
    "permissions": {"cs": "oprávnění", "pl": "uprawnie", "hu": "engedély", "sv": "behörighet", "zh-CN": "权限"},
    "delegated admin": {
        "cs": "delegovaná oprávnění správce",
        "pl": "delegowane uprawnienia administratora",
        "hu": "delegált rendszergazdai jogosultság",
        "sv": "delegerad administratörsbehörighet",
        "zh-CN": "委派管理员权限",
    },
    "cancel": {
        "cs": "zruš",
        "pl": "anulowa|anuluj",
        "hu": "lemond|mondja le",
        "sv": "avbr[yiöu]t|avbest",
        "zh-CN": "取消",
    },
    "suspended": {"cs": "pozastav", "pl": "wstrzyman", "hu": "felfüggeszt", "sv": "pausad", "zh-CN": "暂停"},
    "renewed": {"cs": "prodlouž", "pl": "odnowi", "hu": "megújít", "sv": "förny", "zh-CN": "续订"},
    "auto-renew": {
        "cs": "automatické prodlužování",
        "pl": "automatyczne odnawianie",
        "hu": "automatikus megújítás",
        "sv": "automatisk förnyelse",
        "zh-CN": "自动续订",
    },
    "switched": {"cs": "přepnout", "pl": "przełączyć", "hu": "átvált|válthatók át|váltható át", "sv": "byta", "zh-CN": "切换"},
    "transfer": {"cs": "přev[oéáe]", "pl": "przen[io]", "hu": "átad|adható át", "sv": "överför", "zh-CN": "转移"},
    "coexist": {"cs": "existovat společně", "pl": "współistnieć", "hu": "együtt létez", "sv": "samexistera", "zh-CN": "共存"},
    "indirect provider": {
        "cs": "nepřím\\w+ poskytovatel",
        "pl": "dostawc\\w+ pośredni",
        "hu": "közvetett szolgáltató",
        "sv": "indirekta? leverantör",
        "zh-CN": "间接提供商",
    },
    "indirect reseller": {
        "cs": "nepřímý prodejce",
        "pl": "odsprzedawca pośredni",
        "hu": "közvetett viszonteladó",
        "sv": "indirekt återförsäljare",
        "zh-CN": "间接经销商",
    },
    "license": {"cs": "licenc", "pl": "licencj", "hu": "licenc", "sv": "licens", "zh-CN": "许可"},
    "Microsoft Customer Agreement": {
        "cs": "Smlouv[ua] se zákazníkem Microsoftu",
        "pl": "Umow[ayę] z Klientem Microsoft",
        "hu": "Microsoft Ügyfélszerződés",
        "sv": "Microsoft-kundavtal",
        "zh-CN": "Microsoft 客户协议",
    },
    "Partner Center": {
        "cs": "Partnersk(?:ém centru|é centrum)",
        "pl": "Centrum partnerski(?:m|e)",
        "hu": "Partnerközpont",
        "sv": "Partnercenter",
        "zh-CN": "合作伙伴中心",
    },
    "global admin": {
        "cs": "globální\\w* správce",
        "pl": "administrator\\w* globaln",
        "hu": "globális rendszergazda",
        "sv": "global\\w* administratör",
        "zh-CN": "全局管理员",
    },
    "missing": {"cs": "chyb", "pl": "brak", "hu": "hiány", "sv": "saknas", "zh-CN": "缺"},
    "facts": {"cs": "údaj", "pl": "dan[ey]|danych", "hu": "adat", "sv": "uppgifter", "zh-CN": "信息"},
    "reasons": {"cs": "důvod", "pl": "przyczyn", "hu": "indok", "sv": "skäl", "zh-CN": "原因"},
    "Open program": dict.fromkeys(TRANSLATIONS, r"\bOpen\b"),
    **{
        name: dict.fromkeys(TRANSLATIONS, re.escape(name))
        for name in (
            "Advisor",
            "EA",
            "Azure",
            "Azure plan",
            "CSP",
            "GDAP",
            "Microsoft",
            "Microsoft Syndication Partner",
            "Microsoft Cloud for US Government",
        )
    },
}


def off_term(words: Vocabulary, english: Vocabulary) -> list[str]:
    """The codes whose translation lacks a term that the English text has."""
    found = []
    for codes, texts in english.codes.items():
        for code, text in texts.items():
            for term, stems in STEMS.items():
                name = term[0].isupper()
                told = text if name else text.replace("Syndication Partner", "")
                flags = 0 if name else re.IGNORECASE
                if re.search(rf"\b{re.escape(term)}", told, flags) and not re.search(stems[words.tag], words.codes[codes][code], flags):
                    found.append(f"{codes.__name__} {code}: {term}")
    return found


@pytest.mark.parametrize("tag", TRANSLATIONS)
def test_a_translation_uses_the_terms_of_the_list_and_leaves_names_as_they_are(tag: str) -> None:
    assert off_term(vocabularies()[tag], vocabularies()["en"]) == []


def test_the_look_for_terms_can_fail() -> None:
    words = vocabularies()["zh-CN"]
    changed = {**words.codes, Reason: {**words.codes[Reason], "APPLICABLE_OPEN": "通过公开计划购买。"}}
    assert off_term(Vocabulary("zh-CN", "", (), changed, {}), vocabularies()["en"]) == ["Reason APPLICABLE_OPEN: Open program"]


FORBIDDEN = {
    "zh-CN": "通道|顾问|公开|联合合作伙伴",
    "hu": "megszak",
    "sv": "åter försälj|prenumerations perioden",
    "cs": "šlecht",
    "pl": "dostawca CSP",
}
SUSPENSION = ("SUSPENDED_NOT_TRANSFERABLE", "REACTIVATE_SUBSCRIPTION")


def all_texts(words: Vocabulary) -> Iterator[tuple[str, str]]:
    for codes, texts in words.codes.items():
        for code, text in texts.items():
            yield f"{codes.__name__} {code}", text
    for phrase, text in words.phrases.items():
        yield phrase.key, text


@pytest.mark.parametrize("tag", list(FORBIDDEN))
def test_no_word_that_the_seeds_bent_is_used(tag: str) -> None:
    assert [(code, text) for code, text in all_texts(vocabularies()[tag]) if re.search(FORBIDDEN[tag], text, re.IGNORECASE)] == []


def test_suspending_is_never_called_cancelling_in_swedish() -> None:
    texts = {code: text for _, texts in vocabularies()["sv"].codes.items() for code, text in texts.items() if code in SUSPENSION}
    assert len(texts) == len(SUSPENSION)
    assert [code for code, text in texts.items() if re.search("avbr", text, re.IGNORECASE)] == []


STOPPED: tuple[type[Worded], ...] = (Outcome, SupportAccess, MoveOption, BillingOwnerKind, Reason, NextStepCode, Rule)
UNSTOPPED: tuple[type[Worded], ...] = (Actor, Role, Label, Heading)


@pytest.mark.parametrize("tag", ["en", *TRANSLATIONS])
def test_a_sentence_ends_with_a_full_stop_and_a_name_with_none(tag: str) -> None:
    words, stop = vocabularies()[tag], "。" if tag == "zh-CN" else "."
    assert [text for codes in STOPPED for text in words.codes[codes].values() if not text.endswith(stop)] == []
    assert [text for codes in UNSTOPPED for text in words.codes[codes].values() if text.endswith(stop)] == []
    assert [text for _, text in all_texts(words) if text.endswith((" .", "..", "。。"))] == []


@pytest.mark.parametrize("tag", ["en", *TRANSLATIONS])
def test_brackets_and_quotation_marks_are_closed_and_spaces_are_single(tag: str) -> None:
    for code, text in all_texts(vocabularies()[tag]):
        for opening, closing in ("()", "（）", "“”", "{}"):
            assert text.count(opening) == text.count(closing), code
        assert "  " not in text, code
        if code != Phrase.BETWEEN.key:
            assert text == text.strip(), code


@pytest.mark.parametrize("tag", TRANSLATIONS)
def test_nothing_is_left_in_english(tag: str) -> None:
    english = dict(all_texts(vocabularies()["en"]))
    same = {code for code, text in all_texts(vocabularies()[tag]) if text == english[code]}
    # names; words that are the same in that language (cloud, status, partner); patterns without a word
    names = {"Actor MICROSOFT", "Initiator MICROSOFT", "AzureOffer AZURE_PLAN", "Cloud US_GOVERNMENT"}
    words = {"Label partner", "Field partner_tenant_id", "Field cloud", "Field status"}
    assert same <= names | words | {"labelled", "in_role", "between", "instant", "day"}
