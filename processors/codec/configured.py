"""Which schema registry do the settings name?"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from processors.codec.registry import Registry
from processors.settings import Settings, SettingsError, WrongSetting


@asynccontextmanager
async def configured_registry(settings: Settings) -> AsyncIterator[Registry | None]:
    """A client of the configured registry, closed afterwards; None where none is configured.

    Raises:
        SettingsError: the file of certificate authorities holds none.
    """
    if not settings.schema_registry_urls:
        yield None
        return
    context = None
    if settings.schema_registry_ca_file is not None:
        try:
            context = ssl.create_default_context(cafile=settings.schema_registry_ca_file)
        except (ssl.SSLError, OSError):
            found = repr(str(settings.schema_registry_ca_file))
            raise SettingsError([WrongSetting("schema_registry_ca_file", found, "certificates in PEM form")]) from None
    password = settings.schema_registry_password
    async with Registry(
        settings.schema_registry_urls,
        timeout_seconds=settings.schema_registry_timeout_seconds,
        username=settings.schema_registry_username,
        password=None if password is None else password.get_secret_value(),
        ssl_context=context,
    ) as registry:
        yield registry
