"""Are Java and Maven found where they are said to be looked for, and is what is lacking installed or said? PATH is a made-up one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from processors.broker import prerequisites


class Machine:
    """A PATH with only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.path.mkdir()

    def has(self, name: str, script: str, folder: Path | None = None) -> Path:
        file = (folder or self.path) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def has_java(self, version: str = "17.0.15", folder: Path | None = None) -> Path:
        return self.has("java", f"""echo 'openjdk version "{version}" 2025-04-15' >&2""", folder)

    def has_apt(self, script: str) -> Path:
        """An apt-get that notes what it is asked, then runs `script`."""
        return self.has("apt-get", f'echo "$*" >> {self.path}/asked\n{script}')

    def asked(self) -> list[str]:
        return (self.path / "asked").read_text().splitlines()

    def installs(self) -> str:
        """A script that puts Java and Maven on PATH."""
        java = self.has_java(folder=self.path.parent / "packages")
        return f'case "$*" in *install*) /bin/cp {java} {self.path}/java; /bin/cp {java} {self.path}/mvn;; esac'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(made.path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return made


@pytest.fixture
def debian_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "debian_version").touch()
    monkeypatch.setattr(prerequisites, "DEBIAN_VERSION", tmp_path / "debian_version")
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_with_both_here_nothing_is_said_or_done(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has_java()
    machine.has("mvn", "exit 1")
    machine.has_apt("exit 1")
    assert prerequisites.main() == 0
    assert capsys.readouterr() == ("", "")
    assert not (machine.path / "asked").exists()


def test_java_home_is_looked_at_first(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.has_java()
    mine = machine.has_java("21", tmp_path / "home" / "bin")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert prerequisites.look_for_prerequisites().java == mine


def test_a_java_home_that_holds_none_falls_back_to_path(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = machine.has_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert prerequisites.look_for_prerequisites().java == mine


@pytest.mark.parametrize(("version", "number"), [("11.0.2", 11), ("1.8.0_292", 8), ("16", 16)])
def test_an_older_java_is_lacking_and_named(machine: Machine, version: str, number: int) -> None:
    java = machine.has_java(version)
    found = prerequisites.look_for_prerequisites()
    assert found.java is None
    assert found.lacking[0] == f"Java 17 or later ({java} is Java {number})"


def test_a_java_that_does_not_run_is_lacking(machine: Machine) -> None:
    machine.has("java", "exit 1")
    assert "is no Java that runs" in prerequisites.look_for_prerequisites().lacking[0]


@pytest.mark.usefixtures("debian_root")
def test_root_on_debian_gets_them_installed_and_is_told(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has_apt(machine.installs())
    assert prerequisites.main() == 0
    assert machine.asked() == ["install -y -q --no-install-recommends openjdk-17-jre-headless maven"]
    assert "Installing with apt-get" in capsys.readouterr().err


@pytest.mark.usefixtures("debian_root")
def test_where_the_lists_are_old_or_there_is_no_java_17_the_next_way_is_tried(machine: Machine) -> None:
    machine.has_apt(f'case "$*" in *openjdk-17*) echo "E: Unable to locate package" >&2; exit 100;; esac\n{machine.installs()}')
    assert prerequisites.main() == 0
    assert machine.asked()[-1] == "install -y -q --no-install-recommends default-jre-headless maven"


@pytest.mark.usefixtures("debian_root")
def test_only_what_is_lacking_is_installed(machine: Machine) -> None:
    machine.has_java()
    machine.has_apt(machine.installs())
    assert prerequisites.main() == 0
    assert machine.asked() == ["install -y -q --no-install-recommends maven"]


@pytest.mark.usefixtures("debian_root")
def test_an_installation_that_fails_ends_with_69_and_the_tools_words(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has_apt('echo "E: Could not get lock" >&2; exit 100')
    assert prerequisites.main() == 69
    assert "Could not get lock" in capsys.readouterr().err
    assert "update -q" in machine.asked()


def test_who_is_not_root_is_told_the_command(machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has_apt("exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert prerequisites.main() == 0
    assert "sudo apt-get install -y --no-install-recommends openjdk-17-jre-headless maven" in capsys.readouterr().err
    assert not (machine.path / "asked").exists()


@pytest.mark.parametrize(
    ("tool", "platform", "command"),
    [
        ("dnf", "linux", "sudo dnf install -y java-17-openjdk-headless maven"),
        ("brew", "darwin", "brew install openjdk@17 maven"),
        ("true", "linux", "install a Java 17 runtime"),
    ],
)
def test_other_systems_are_told_their_own_command(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tool: str, platform: str, command: str
) -> None:
    machine.has(tool, "exit 0")
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert prerequisites.main() == 0
    assert command in capsys.readouterr().err


def test_it_runs_as_a_module_and_needs_nothing_but_python() -> None:
    root = Path(prerequisites.__file__).parents[2]
    code = "import sys, processors.broker.prerequisites; print({'aiokafka', 'pydantic', 'rich', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True, cwd=root)
    assert done.stdout.strip() == "set()"
    assert subprocess.run([sys.executable, "-m", "processors.broker.prerequisites"], timeout=60, check=False, cwd=root).returncode == 0
