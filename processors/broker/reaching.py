"""Does a broker answer us; and if not, is it the network, the certificate or the login?

aiokafka says "unable to bootstrap" for all of them and logs the rest. So one connection is made by hand here.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiokafka.conn import AIOKafkaConnection

CONNECTION_ARGUMENTS = ("ssl_context", "security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")

CLOSE_SECONDS = 1.0
CLOSE_TURNS = 5
NAME_MISMATCHES = {62, 64}  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_PREFIX = re.compile(r"^(\[Error \d+\] )?(\w+: )?")


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why no broker answered. `setting` names the setting that is wrong, where the broker told us so; else it may just be down."""

    message: str
    setting: str | None = None


def why_unreachable(arguments: Mapping[str, Any], deadline_seconds: float = 10.0) -> Unreachable | None:
    """Ask the servers of aiokafka's client arguments in turn; None as soon as one answers as a member of a cluster.

    Callable with or without a running event loop; blocks. Nothing in the message is secret.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_ask_in_turn(arguments, deadline_seconds))
    with ThreadPoolExecutor(1) as thread:  # a thread has a loop of its own
        return thread.submit(asyncio.run, _ask_in_turn(arguments, deadline_seconds)).result()


async def _ask_in_turn(arguments: Mapping[str, Any], deadline_seconds: float) -> Unreachable | None:
    until = time.monotonic() + deadline_seconds
    reasons = []
    with _quiet():
        for server in arguments["bootstrap_servers"]:
            reason = await _ask(server, arguments, max(until - time.monotonic(), 0.5))
            if reason is None:
                return None
            reasons.append(reason)
    return next((reason for reason in reasons if reason.setting), reasons[0])


async def _ask(server: str, arguments: Mapping[str, Any], deadline_seconds: float) -> Unreachable | None:
    from aiokafka import errors

    try:
        async with asyncio.timeout(deadline_seconds):
            members = await _members(server, arguments, deadline_seconds)
    except (errors.SaslAuthenticationFailed, errors.AuthenticationFailedError) as error:
        return Unreachable(f"the broker {server} refuses the login: {_words(error)}", "kafka_sasl_username and kafka_sasl_password")
    except (errors.UnsupportedSaslMechanismError, errors.IllegalSaslStateError) as error:
        return Unreachable(f"the broker {server} does not know this way to log in: {_words(error)}", "kafka_sasl_mechanism")
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in NAME_MISMATCHES:
            return Unreachable(
                f"the certificate of the broker {server} is for another name: {error.verify_message}", "kafka_bootstrap_servers"
            )
        return Unreachable(f"the certificate of the broker {server} is not trusted: {error.verify_message}", "kafka_ssl_ca_file")
    except ssl.SSLError as error:
        return Unreachable(f"the broker {server} does not speak TLS with us: {error.reason}", "kafka_security_protocol")
    except TimeoutError:
        return Unreachable(f"the broker {server} did not answer within {deadline_seconds:.0f} s")
    except (OSError, errors.KafkaError) as error:
        hint = " (it may want another kafka_security_protocol)" if isinstance(error, errors.KafkaConnectionError) else ""
        return Unreachable(f"the broker {server} cannot be reached: {_words(error)}{hint}")
    return None if members else Unreachable(f"the broker {server} answers but belongs to no cluster yet")


async def _members(server: str, arguments: Mapping[str, Any], deadline_seconds: float) -> int:
    """How many brokers the server says there are."""
    from aiokafka.conn import AIOKafkaConnection
    from aiokafka.protocol.metadata import MetadataRequest

    host, _, port = server.rpartition(":")
    known = {name: arguments[name] for name in CONNECTION_ARGUMENTS if name in arguments}
    # not create_conn, which leaves the socket open where the login fails
    connection = AIOKafkaConnection(host.strip("[]"), int(port), request_timeout_ms=int(deadline_seconds * 1000), **known)
    try:
        await connection.connect()
        answer = await connection.send(MetadataRequest([]))
        return len(answer.brokers)
    finally:
        await _close(connection)


async def _close(connection: AIOKafkaConnection) -> None:
    """Closing takes further turns of the loop, which is about to end; a socket left open would be complained of much later."""
    closed = connection.close()
    if connection._protocol is not None:  # noqa: SLF001 - only then was there a connection, and the future will be done
        await asyncio.wait([closed], timeout=CLOSE_SECONDS)
    for _ in range(CLOSE_TURNS):
        await asyncio.sleep(0)


def _words(error: Exception) -> str:
    """What the error says, without the number and the name that aiokafka puts before it."""
    return _PREFIX.sub("", str(error.strerror if isinstance(error, OSError) and error.strerror else error))


@contextmanager
def _quiet() -> Iterator[None]:
    """What aiokafka would log, the answer says."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
