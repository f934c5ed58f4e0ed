"""From where does each setting come, and is anything there that is no setting?"""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import SecretStr, ValidationError

from processors.settings.model import ENVIRONMENT_PREFIX, SETTINGS_FILE_VARIABLE, Settings
from processors.settings.wrong import ContradictionError, SettingsError, WrongSetting

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_FILE = Path("multichannel.toml")
FOUND_LENGTH_MAX = 100
SECRETS = frozenset(name for name, field in Settings.model_fields.items() if SecretStr in (field.annotation, *get_args(field.annotation)))


def load_settings(**overrides: object) -> Settings:
    """The settings in force: `overrides` (by the command line or a test), then environment, then file, then defaults.

    Raises:
        SettingsError: with everything that is wrong, each with the variable or the file and key it stands in.
    """
    variables = {name for name in os.environ if name.upper().startswith(ENVIRONMENT_PREFIX)}
    path, from_file = _read_file()
    unknown = [*_unknown_variables(variables), *_unknown_keys(path, from_file)]
    if unknown:
        raise SettingsError(unknown)
    told = {name.upper().removeprefix(ENVIRONMENT_PREFIX).lower() for name in variables if os.environ[name]}
    try:
        # a keyword wins over the environment, so the file's values go in only where neither a variable nor an override tells
        return Settings(**{name: value for name, value in from_file.items() if name not in told}, **overrides)  # type: ignore[arg-type]  # checked by the model
    except ValidationError as error:
        complaints = [wrong for detail in error.errors() for wrong in _complaints(detail)]
    raise SettingsError([_placed(wrong, overrides, told, path, from_file) for wrong in complaints])


def _read_file() -> tuple[Path | None, dict[str, Any]]:
    named = os.environ.get(SETTINGS_FILE_VARIABLE)
    path = Path(named) if named else DEFAULT_FILE
    try:
        return path, tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if not named:
            return None, {}
        problem = "a file that is not there"
    except (OSError, UnicodeDecodeError) as error:
        problem = f"a file that cannot be read ({error.strerror if isinstance(error, OSError) else 'not UTF-8'})"
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            [WrongSetting(str(path), f"no TOML: {error}", 'lines like kafka_bootstrap_servers = "localhost:9092"')]
        ) from None
    raise SettingsError([WrongSetting(f"{SETTINGS_FILE_VARIABLE if named else 'settings file'}={path}", problem, "a TOML file")])


def _unknown_variables(variables: set[str]) -> list[WrongSetting]:
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields} | {SETTINGS_FILE_VARIABLE}
    return [WrongSetting(name, "a variable that is no setting", _nearest(name, known)) for name in sorted(variables - known)]


def _unknown_keys(path: Path | None, from_file: dict[str, Any]) -> list[WrongSetting]:
    known = set(Settings.model_fields)
    return [
        WrongSetting(key, "a key that is no setting", _nearest(key, known), f"{path}, key {key}") for key in from_file if key not in known
    ]


def _nearest(name: str, known: set[str]) -> str:
    near = get_close_matches(name.upper() if name.upper().startswith(ENVIRONMENT_PREFIX) else name, sorted(known), n=1, cutoff=0.0)
    return f"one of the settings in docs/settings.md, the nearest is {near[0]}"


def _complaints(detail: ErrorDetails) -> list[WrongSetting]:
    """Pydantic's error in our words; what was found is masked where it is or may be a secret."""
    contradiction = detail.get("ctx", {}).get("error")
    if isinstance(contradiction, ContradictionError):
        return list(contradiction.complaints)
    name = str(detail["loc"][0]) if detail["loc"] else "settings"
    found = "***" if name in SECRETS else _shown(detail["input"])
    return [WrongSetting(name, found, _wanted(detail))]


def _shown(value: object) -> str:
    """What was found, shortened; without what stands before an @, which may be a user and a password."""
    text = repr(value)
    if "@" in text:
        scheme, separator, _ = text.partition("://")
        text = f"{scheme + separator if separator else text[0]}***@{text.rpartition('@')[2]}"
    return text if len(text) <= FOUND_LENGTH_MAX else text[:FOUND_LENGTH_MAX] + "..."


def _wanted(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return "a number" if message.startswith(("a valid integer", "a valid number")) else message


def _placed(
    wrong: WrongSetting, overrides: dict[str, object], told: set[str], path: Path | None, from_file: dict[str, Any]
) -> WrongSetting:
    """The complaint with the variable, or the file and key, in which the value stands or may be written."""
    variable = ENVIRONMENT_PREFIX + wrong.name.upper()
    if wrong.name in overrides:
        place = f"option --{wrong.name.replace('_', '-')}"
    elif wrong.name in told or wrong.name not in from_file:
        place = variable
    else:
        place = f"{path}, key {wrong.name}"
    return WrongSetting(wrong.name, wrong.found, wrong.wanted, place)
