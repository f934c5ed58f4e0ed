"""Under which settings, and with which broker, does this command run? Wrong or missing ones end it before it has done anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from processors.broker import broker_status, why_unreachable
from processors.cli.exits import EXIT_SETTINGS, EXIT_UNAVAILABLE, Stop
from processors.settings import SettingsError, kafka_client_arguments, load_settings

if TYPE_CHECKING:
    from processors.settings import Settings


def settings_or_stop(**options: object) -> Settings:
    """The settings in force, with `options` that were given (those that are None count as not given).

    Raises:
        Stop: with exit code 78 and everything that is wrong.
    """
    try:
        return load_settings(**{name: value for name, value in options.items() if value is not None})
    except SettingsError as error:
        raise Stop(str(error), EXIT_SETTINGS) from None


@contextmanager
def answers_or_stop() -> Iterator[None]:
    """What broker and schema registry may answer while a command works, as ways to end.

    Raises:
        Stop: no answer, a refusal, a topic that is not there (69), or settings that cannot be used (78).
    """
    from processors.codec.registry import RegistryRefusedError, RegistryUnavailableError
    from processors.feeding.sending import NotSent
    from processors.feeding.unreadable import TopicUnreadable

    try:
        yield
    except (TopicUnreadable, NotSent, RegistryUnavailableError, RegistryRefusedError) as error:
        raise Stop(str(error), EXIT_UNAVAILABLE) from None
    except SettingsError as error:
        raise Stop(str(error), EXIT_SETTINGS) from None


def broker_or_stop(settings: Settings) -> dict[str, Any]:
    """Client arguments for aiokafka: the broker in force: the configured one, else the one of `multichannel broker start`.

    Raises:
        Stop: none is known or none answers (69), or it answers that certificate or login are wrong (78).
    """
    broker = broker_status(settings)
    if broker is None:
        wanted = "start one with `multichannel broker start`, or set MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS"
        raise Stop(f"no broker: {wanted}", EXIT_UNAVAILABLE)
    try:
        arguments = kafka_client_arguments(settings, broker.bootstrap_servers)
    except SettingsError as error:
        raise Stop(str(error), EXIT_SETTINGS) from None
    unreachable = why_unreachable(arguments)
    if unreachable is None:
        return arguments
    if unreachable.setting is not None:
        raise Stop(f"{unreachable.message}; look at {unreachable.setting}", EXIT_SETTINGS)
    raise Stop(unreachable.message, EXIT_UNAVAILABLE)
