"""Which words does a language have for every code, and are they all there?

A language is one file of `languages/`; adding a file adds a language. Every code of `worded` has one text in each of them,
no text stands for a code that does not exist, and the loader refuses a file of which that is not true.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from processors.words.phrases import Phrase
from processors.words.worded import CODES, Worded

_PHRASES = "phrase"
_ABOUT = ("tag", "name", "also")


class UnknownLanguageError(ValueError):
    """No file has the words of the language asked for; the message lists those there are."""


class WordsInvalidError(ValueError):
    """A file of words is not complete and exact; the message names the file and every key at fault."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one language. `tag` is its BCP 47 tag, `name` what its readers call it, `also` other tags it answers to."""

    tag: str
    name: str
    also: tuple[str, ...]
    codes: Mapping[type[Worded], Mapping[str, str]]
    phrases: Mapping[Phrase, str]

    def text(self, code: Worded) -> str:
        """What a person reads in place of `code`."""
        return self.codes[type(code)][code]

    def phrase(self, phrase: Phrase, **places: str | int) -> str:
        """The sentence with its open places filled; KeyError if one of `phrase.places` is not given."""
        return self.phrases[phrase].format(**places)


@cache
def vocabularies() -> dict[str, Vocabulary]:
    """All languages by tag, in the order of their tags; WordsInvalidError if any file is at fault."""
    found = sorted((entry for entry in files(__package__).joinpath("languages").iterdir() if entry.name.endswith(".toml")), key=_name)
    return {vocabulary.tag: vocabulary for vocabulary in map(read_vocabulary, found)}


def vocabulary_of(language: str) -> Vocabulary:
    """The words of `language`, a tag in any letter case, with `-` or `_`; UnknownLanguageError names those there are."""
    wanted = language.strip().replace("_", "-").lower()
    for vocabulary in vocabularies().values():
        if wanted in (tag.lower() for tag in (vocabulary.tag, *vocabulary.also)):
            return vocabulary
    known = ", ".join(f"{vocabulary.tag} ({vocabulary.name})" for vocabulary in vocabularies().values())
    raise UnknownLanguageError(f"language {language!r} is not known; there are {known}")


def read_vocabulary(file: Traversable) -> Vocabulary:
    """One file of words, whole and exact; WordsInvalidError otherwise."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WordsInvalidError(f"{file.name}: is not TOML in UTF-8: {error}") from error
    faults = [f"{key}: is not known" for key in content if key not in (*_ABOUT, *CODES, _PHRASES)]
    if content.get("tag") != file.name.removesuffix(".toml"):
        faults.append("tag: must be the file's name")
    if not isinstance(content.get("name"), str):
        faults.append("name: must be a text")
    also = content.get("also")
    if not isinstance(also, list) or not all(isinstance(tag, str) for tag in also):
        faults.append("also: must be a list of tags")
        also = []
    codes = {
        symbols: _section(content, section, {str(symbol): frozenset() for symbol in symbols}, faults) for section, symbols in CODES.items()
    }
    phrases = _section(content, _PHRASES, {phrase.key: phrase.places for phrase in Phrase}, faults)
    if faults:
        raise WordsInvalidError("; ".join(f"{file.name}: {fault}" for fault in faults))
    return Vocabulary(content["tag"], content["name"], tuple(also), codes, {phrase: phrases[phrase.key] for phrase in Phrase})


def _section(content: Mapping[str, object], section: str, wanted: Mapping[str, frozenset[str]], faults: list[str]) -> dict[str, str]:
    """The texts of one section by key; what is wrong with them is added to `faults`."""
    told = content.get(section)
    if not isinstance(told, dict):
        faults.append(f"{section}: must be a table of texts")
        return {}
    faults.extend(f"{section}.{key}: is not known" for key in told if key not in wanted)
    texts: dict[str, str] = {}
    for key, places in wanted.items():
        text = told.get(key)
        if not isinstance(text, str) or not text.strip():
            faults.append(f"{section}.{key}: has no text")
            continue
        if _places(text) != places:
            faults.append(f"{section}.{key}: must leave open {', '.join(sorted(places)) or 'nothing'}")
        texts[key] = text
    return texts


def _places(text: str) -> frozenset[str] | None:
    """The names between braces in `text`; None where the braces do not match."""
    try:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
    except ValueError:
        return None


def _name(entry: Traversable) -> str:
    return entry.name
