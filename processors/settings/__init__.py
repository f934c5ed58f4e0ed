"""What can be set, by which name, with which default, and what is wrong with what was set?

Environment variables `MULTICHANNEL_<NAME>` win over the TOML settings file (`MULTICHANNEL_SETTINGS_FILE`, or
`multichannel.toml` in the working folder). A name that is no setting stops the start. `docs/settings.md` is made from
this module (`make docs`).
"""

from __future__ import annotations

from processors.settings.kafka import kafka_client_arguments
from processors.settings.model import ENVIRONMENT_PREFIX, SETTINGS_FILE_VARIABLE, Settings
from processors.settings.reading import load_settings
from processors.settings.wrong import SettingsError, WrongSetting

__all__ = [
    "ENVIRONMENT_PREFIX",
    "SETTINGS_FILE_VARIABLE",
    "Settings",
    "SettingsError",
    "WrongSetting",
    "kafka_client_arguments",
    "load_settings",
]
