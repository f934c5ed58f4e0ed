"""Is the tree fit to be cloned anywhere? No index or registry host in any tracked file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]

# spelt in pieces, so that this file does not name what it looks for
HOSTS = re.compile(
    b"|".join(
        re.escape(".".join(parts)).encode()
        for parts in (
            ("pypi", "org"),
            ("files", "pythonhosted", "org"),
            ("repo1", "maven", "org"),
            ("repo", "maven", "apache", "org"),
            ("registry", "npmjs", "org"),
            ("deb", "debian", "org"),
            ("crates", "io"),
            ("proxy", "golang", "org"),
            ("packages", "confluent", "io"),
        )
    )
)


def files_naming_a_host(contents: dict[str, bytes]) -> list[str]:
    return sorted(name for name, content in contents.items() if HOSTS.search(content))


def test_no_tracked_file_names_a_package_index() -> None:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=60, check=True).stdout.split(b"\0")
    contents = {name.decode(): (ROOT / name.decode()).read_bytes() for name in names if name and (ROOT / name.decode()).is_file()}
    assert len(contents) > 10
    assert files_naming_a_host(contents) == []


def test_the_search_for_hosts_can_fail() -> None:
    assert files_naming_a_host({"a": b"--index-url https://" + b"pypi" + b".org/simple", "b": b"nothing"}) == ["a"]
