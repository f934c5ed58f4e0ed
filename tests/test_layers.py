"""Do the checks of the layers see what they must refuse? Each rule is broken in a copy of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "processors", tmp_path / "processors", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def checked(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [str(TOOLS / command[0]), *command[1:]]
    environment = {"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin"}
    return subprocess.run(arguments, cwd=copy, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("core/calendar.py", "import os"),
        ("core/calendar.py", "import processors.codec"),
        ("codec/instants.py", "import processors.broker"),
        ("contract/records.py", "import processors.codec"),
        ("new_part/__init__.py", "import processors.core"),
    ],
)
def test_an_import_against_the_layers_breaks_the_contract(copy: Path, module: str, line: str) -> None:
    path = copy / "processors" / module
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + f"\n{line}\n", encoding="utf-8")
    broken = checked(copy, "lint-imports", "--no-cache")
    assert broken.returncode == 1
    assert "BROKEN" in broken.stdout or "Missing layer" in broken.stdout + broken.stderr or "new_part" in broken.stdout + broken.stderr


def test_the_layers_as_they_are_keep_the_contract(copy: Path) -> None:
    kept = checked(copy, "lint-imports", "--no-cache")
    assert kept.returncode == 0, kept.stdout


@pytest.mark.parametrize(
    "line",
    [
        "from datetime import datetime, UTC\nNOW = datetime.now(UTC)",
        "import time",
        "import random",
        "import uuid\nDRAWN = uuid.uuid4()",
    ],
)
def test_a_clock_a_draw_or_a_file_in_the_core_is_refused(copy: Path, line: str) -> None:
    path = copy / "processors" / "core" / "made_up.py"
    path.write_text(f'"""Made up."""\n\n{line}\n', encoding="utf-8")
    refused = checked(copy, "ruff", "check", "--select", "TID251", "--no-cache", "processors/core")
    assert refused.returncode == 1
    assert "TID251" in refused.stdout
    path.rename(copy / "processors" / "codec" / "made_up.py")
    assert checked(copy, "ruff", "check", "--select", "TID251", "--no-cache", "processors").returncode == 0
