"""Are Java 17 and Maven here, with which a broker is had without Docker; and if not, how does one get them?

`make setup` runs it: on Debian as root it installs what is missing, elsewhere it says the command. It needs nothing but
Python. Java is looked for in JAVA_HOME and on PATH, Maven on PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

JAVA_VERSION_MIN = 17
APT_SECONDS = 900
DEBIAN_VERSION = Path("/etc/debian_version")
_JAVA_PACKAGES = ("openjdk-17-jre-headless", "default-jre-headless")


@dataclass(frozen=True, slots=True)
class Prerequisites:
    """What was found; `lacking` says in words what was not, and why."""

    java: Path | None
    maven: Path | None
    lacking: tuple[str, ...]


def look_for_prerequisites(*, with_maven: bool = True) -> Prerequisites:
    """Java (17 or later) and Maven on this machine."""
    lacking = []
    java, why = _find_java()
    if java is None:
        lacking.append(f"Java {JAVA_VERSION_MIN} or later ({why})")
    maven = shutil.which("mvn")
    if with_maven and maven is None:
        lacking.append("Maven (no mvn on PATH)")
    return Prerequisites(java, Path(maven) if maven else None, tuple(lacking))


def _find_java() -> tuple[Path | None, str]:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    candidates = [Path(home, "bin", "java")] if home else []
    candidates += [Path(on_path)] if on_path else []
    seen = []
    for candidate in candidates:
        version = _java_version(candidate)
        if version is not None and version >= JAVA_VERSION_MIN:
            return candidate, ""
        seen.append(f"{candidate} is {f'Java {version}' if version else 'no Java that runs'}")
    return None, ", ".join(seen) or "no java in JAVA_HOME or on PATH"


def _java_version(java: Path) -> int | None:
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - the Java that was found
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match and answer.returncode == 0 else None


def how_to_get(lacking: tuple[str, ...]) -> str:
    """The command with which a person gets what is lacking on this machine."""
    java = any(what.startswith("Java") for what in lacking)
    maven = any(what.startswith("Maven") for what in lacking)
    if sys.platform == "darwin":
        return " ".join(["brew install", *(["openjdk@17"] if java else []), *(["maven"] if maven else [])])
    if shutil.which("apt-get"):
        return "sudo apt-get install -y --no-install-recommends " + " ".join(
            _packages(java=java, maven=maven, java_package=_JAVA_PACKAGES[0])
        )
    if shutil.which("dnf"):
        return " ".join(["sudo dnf install -y", *(["java-17-openjdk-headless"] if java else []), *(["maven"] if maven else [])])
    return "install a Java 17 runtime (or later) and Apache Maven, put both on PATH"


def _packages(*, java: bool, maven: bool, java_package: str) -> list[str]:
    return [*([java_package] if java else []), *(["maven"] if maven else [])]


def _can_install() -> bool:
    """Root on Debian (or what is made from it)."""
    return os.geteuid() == 0 and DEBIAN_VERSION.exists() and shutil.which("apt-get") is not None


def _install(lacking: tuple[str, ...]) -> str | None:
    """Install with apt-get; what went wrong, or None."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    java = any(what.startswith("Java") for what in lacking)
    maven = any(what.startswith("Maven") for what in lacking)
    errors = []
    for refresh in (False, True):  # the lists of packages may be missing or old: refresh them only if needed
        if refresh:
            _run(["apt-get", "update", "-q"], environment)
        for java_package in _JAVA_PACKAGES if java else _JAVA_PACKAGES[:1]:
            packages = _packages(java=java, maven=maven, java_package=java_package)
            error = _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], environment)
            if error is None:
                return None
            errors.append(f"apt-get install {' '.join(packages)}: {error}")
    return errors[-1]


def _run(command: list[str], environment: dict[str, str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=APT_SECONDS, check=False, env=environment)  # noqa: S603 - fixed commands
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def main() -> int:
    """Say what is lacking, install it where that is ours to do. 69 where an installation was tried and failed."""
    found = look_for_prerequisites()
    if not found.lacking:
        return 0
    what = " and ".join(found.lacking)
    if not _can_install():
        print(f"To run a Kafka broker without Docker, {what} is needed. Get it with:\n    {how_to_get(found.lacking)}", file=sys.stderr)  # noqa: T201
        return 0
    print(f"Not here: {what}. Installing with apt-get.", file=sys.stderr)  # noqa: T201
    error = _install(found.lacking)
    still = look_for_prerequisites().lacking
    if error or still:
        print(f"Could not be installed: {error or ' and '.join(still)}. Try: {how_to_get(still or found.lacking)}", file=sys.stderr)  # noqa: T201
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main())
