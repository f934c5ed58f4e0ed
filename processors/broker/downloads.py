"""How do a server's libraries get here? By Maven, from wherever this machine's Maven gets its artifacts.

A server is kept under its name and version in a cache folder that several checkouts may share. It is made elsewhere
and moved there whole, so what is in the cache is complete, whoever was interrupted.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from processors.broker.failures import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

POMS = Path(__file__).parent
_DOWNLOADED = re.compile(r"Downloaded from .*/([^/ ]+\.(?:jar|gz)) ")


def fetched(name: str, cache: Path, maven: Path | None, say: Callable[[str], None], deadline_seconds: float) -> Path:
    """The folder with the artifacts of `<name>.pom.xml`, downloaded where the cache does not have them yet.

    Raises:
        ServerUnavailableError: Maven is missing, failed, or took longer than the deadline.
    """
    target = (cache / name).resolve()
    if target.is_dir():
        return target
    if maven is None:
        raise ServerUnavailableError(f"{name} is not in {cache} and Maven, which would download it, is missing (no mvn on PATH)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{name}.partial-", dir=cache)).resolve()
    except OSError as error:
        raise ServerUnavailableError(f"the folder {cache} cannot be written ({error.strerror})") from None
    try:
        say(f"{name}: downloading with Maven")
        _copy_dependencies(POMS / f"{name}.pom.xml", partial, maven, name, say, deadline_seconds)
        _unpack(partial)
        if not target.is_dir():  # another checkout may have been quicker
            partial.rename(target)
    except OSError as error:
        if not target.is_dir():
            raise ServerUnavailableError(f"{target} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _copy_dependencies(pom: Path, folder: Path, maven: Path, name: str, say: Callable[[str], None], deadline_seconds: float) -> None:
    command = [str(maven), "--batch-mode", "--strict-checksums", "--file", str(pom), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    # a session of its own, so that the deadline ends Maven's Java with Maven's shell
    with subprocess.Popen(  # noqa: S603 - the Maven that was found
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=folder
    ) as process:
        late = threading.Event()

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(deadline_seconds, end)
        timer.start()
        try:
            lines = _followed(process, name, say)
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
    if late.is_set():
        raise ServerUnavailableError(
            f"Maven did not finish downloading {name} within {deadline_seconds:.0f} s (MULTICHANNEL_BROKER_DOWNLOAD_TIMEOUT_SECONDS)"
        )
    if code != 0:
        errors = [line for line in lines if line.startswith("[ERROR]")] or lines
        raise ServerUnavailableError(f"Maven could not download {name} (exit code {code}):\n    " + "\n    ".join(errors[:5]))


def _unpack(folder: Path) -> None:
    """Servers that come as an archive are unpacked, without what would leave the folder."""
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):  # Python 3.11.4
                packed.extractall(folder, filter="data")
            else:
                packed.extractall(folder)  # noqa: S202 - Maven has checked that it is the archive that was published
        archive.unlink()


def _followed(process: subprocess.Popen[str], name: str, say: Callable[[str], None]) -> list[str]:
    """Maven's words; every downloaded library is told as progress."""
    lines: list[str] = []
    count = 0
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
        if (match := _DOWNLOADED.search(line)) is not None:
            count += 1
            say(f"{name}: {count} downloaded, {match[1]}")
    return lines
