"""Has every code its words in every language, and does the loader refuse a file that is not complete and exact?"""

from __future__ import annotations

import shutil
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import cast, get_args

import pytest

from processors.core import conclusions, symbols
from processors.core.decisions import Answer, BillingOwner, Decision, NextStep
from processors.core.events import Event
from processors.core.order import ORDER
from processors.core.tables_azure import TABLE_C, TABLE_D
from processors.core.tables_licences import TABLE_A, TABLE_B
from processors.words.phrases import Phrase
from processors.words.vocabulary import (
    UnknownLanguageError,
    Vocabulary,
    WordsInvalidError,
    read_vocabulary,
    vocabularies,
    vocabulary_of,
)
from processors.words.worded import CODES, Rule, Worded

TAGS = ("cs", "en", "hu", "pl", "sv", "zh-CN")
SOURCES = Path(str(files("processors.words") / "languages"))


def worded_symbols() -> list[type[Worded]]:
    """Every closed set of codes that a decision carries, found in the annotations of the records themselves."""
    told = " ".join(str(kind) for record in (Answer, BillingOwner, NextStep, Decision) for kind in record.__annotations__.values())
    sets = [value for value in vars(conclusions).values() if isinstance(value, type) and issubclass(value, symbols.Symbol)]
    return [
        cast("type[Worded]", found)
        for found in sets
        if found.__name__ in told.replace("[", " ").replace("]", " ").replace(",", " ").split()
    ]


def test_the_six_languages_are_there() -> None:
    assert tuple(vocabularies()) == TAGS


def test_the_sets_of_a_decision_are_the_nine_known_ones() -> None:
    assert {found.__name__ for found in worded_symbols()} == {
        *("Outcome", "SupportAccess", "MoveOption", "BillingOwnerKind", "ConsentPosition"),
        *("Reason", "NextStepCode", "Actor", "Role"),
    }


@pytest.mark.parametrize("tag", TAGS)
def test_every_code_has_a_text_and_no_text_stands_for_a_code_that_does_not_exist(tag: str) -> None:
    words = vocabularies()[tag]
    for codes in CODES.values():
        assert words.codes[codes].keys() == {str(code) for code in codes}, codes
    assert words.codes.keys() == set(CODES.values())


def test_every_set_that_a_decision_or_an_event_carries_has_words_but_the_one_that_no_rule_reads() -> None:
    told = " ".join(str(kind) for record in get_args(Event) for kind in record.__annotations__.values()).split()
    carried = {value for value in vars(symbols).values() if isinstance(value, type) and value.__name__ in told}
    assert symbols.Status in carried and len(carried) > 15
    assert {*carried, *worded_symbols()} - set(CODES.values()) == {symbols.BillingCycle}


def test_every_row_that_can_decide_has_words_and_no_other() -> None:
    rows = [row.id for table in (ORDER, TABLE_A, TABLE_B, TABLE_C, TABLE_D) for row in table]
    assert sorted(rows) == sorted(Rule)


@pytest.mark.parametrize("tag", TAGS)
def test_a_text_is_found_by_the_set_and_the_code(tag: str) -> None:
    words = vocabularies()[tag]
    assert words.text(conclusions.Outcome.CONSENT_REQUIRED) != words.text(conclusions.SupportAccess.CONSENT_REQUIRED)
    assert words.text(conclusions.MoveOption.UNKNOWN) != words.text(conclusions.BillingOwnerKind.UNKNOWN)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A sound file of words, to be damaged."""
    return Path(shutil.copy(SOURCES / "cs.toml", tmp_path / "cs.toml"))


def damage(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_undamaged_copy_is_read(copy: Path) -> None:
    assert read_vocabulary(copy) == vocabularies()["cs"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('NO_CONSENT = "Zákazník neudělil žádná oprávnění."\n', "", "cs.toml: reason.NO_CONSENT: has no text"),
        ('"Zákazník neudělil žádná oprávnění."', '" "', "cs.toml: reason.NO_CONSENT: has no text"),
        ('"Zákazník neudělil žádná oprávnění."', "7", "cs.toml: reason.NO_CONSENT: has no text"),
        ("NO_CONSENT =", "NO_CONSENTS =", "cs.toml: reason.NO_CONSENTS: is not known"),
        ("[role]", "[roles]", "cs.toml: roles: is not known; cs.toml: role: must be a table of texts"),
        ('tag = "cs"', 'tag = "cz"', "cs.toml: tag: must be the file's name"),
        ('name = "čeština"', "name = 1", "cs.toml: name: must be a text"),
        ('also = ["cs-CZ"]', 'also = "cs-CZ"', "cs.toml: also: must be a list of tags"),
        ("odpověď do {instant}.", "odpověď do {moment}.", "cs.toml: phrase.may_change: must leave open instant"),
        ("odpověď do {instant}.", "odpověď do {instant.", "cs.toml: phrase.may_change: must leave open instant"),
        ("Žádná oprávnění nebyla", "Žádná {x} nebyla", "cs.toml: consent_position.K9: must leave open nothing"),
        ("[actor]", "[actor", "cs.toml: is not TOML in UTF-8: "),
    ],
)
def test_a_damaged_file_is_refused_by_file_and_key(copy: Path, old: str, new: str, complaint: str) -> None:
    damage(copy, old, new)
    with pytest.raises(WordsInvalidError) as refused:
        read_vocabulary(copy)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("tag", TAGS)
def test_each_single_text_is_missed_when_it_is_removed(tag: str, tmp_path: Path) -> None:
    lines = (SOURCES / f"{tag}.toml").read_text(encoding="utf-8").splitlines()
    texts = [number for number, line in enumerate(lines) if " = " in line]
    assert len(texts) == 3 + sum(len(codes) for codes in CODES.values()) + len(Phrase)
    for number in texts:
        file = tmp_path / f"{tag}.toml"
        file.write_text("\n".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        with pytest.raises(WordsInvalidError, match=lines[number].split(" = ")[0]):
            read_vocabulary(file)


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("zh", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("zh_cn", "zh-CN"),
        ("ZH-HANS", "zh-CN"),
        ("cs", "cs"),
        ("cs-CZ", "cs"),
        (" EN ", "en"),
        ("sv_SE", "sv"),
    ],
)
def test_a_language_answers_to_its_tag_in_any_spelling(asked: str, tag: str) -> None:
    assert vocabulary_of(asked).tag == tag


@pytest.mark.parametrize("asked", ["de", "", "zh-TW", "c", "english"])
def test_an_unknown_language_is_refused_with_the_list(asked: str) -> None:
    with pytest.raises(UnknownLanguageError) as refused:
        vocabulary_of(asked)
    assert f"language {asked!r} is not known" in str(refused.value)
    assert all(f"{tag} (" in str(refused.value) for tag in TAGS)


def test_no_two_languages_answer_to_one_tag() -> None:
    tags = [tag.lower() for words in vocabularies().values() for tag in (words.tag, *words.also)]
    assert len(tags) == len(set(tags))


def repeated_texts(words: Vocabulary, codes: type[Worded]) -> list[str]:
    texts = list(words.codes[codes].values())
    return sorted({text for text in texts if texts.count(text) > 1})


@pytest.mark.parametrize("tag", TAGS)
def test_two_codes_of_one_set_never_read_the_same(tag: str) -> None:
    words = vocabularies()[tag]
    assert {codes.__name__: same for codes in words.codes if (same := repeated_texts(words, codes))} == {}


def test_labels_and_codes_are_string_enums() -> None:
    assert all(issubclass(codes, StrEnum) for codes in vocabularies()["en"].codes)
