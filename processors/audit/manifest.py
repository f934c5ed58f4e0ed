"""What does an exported folder hold, and is all of it there? `manifest.json`: files with their hashes, counts and ranges.

FOLDER/manifest.json, FOLDER/<topic>/<partition>.jsonl or .parquet. The manifest is canonical JSON and ends with its own digest; it says
nothing of when or where it was written, so the same records give the same folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from processors.audit.checkpoint import canonical
from processors.audit.sources import SourceUnreadable
from processors.contract import contract

LAYOUT: Final = 1
NAME: Final = "manifest.json"
FORMATS: Final = ("jsonl", "parquet")
READ_AT_ONCE: Final = 1024 * 1024
BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """One file: a partition of a topic. Timestamps in microseconds, of the records; None where there is none."""

    topic: str
    partition: int
    path: str
    records: int
    first_offset: int | None
    last_offset: int | None
    first_timestamp: int | None
    last_timestamp: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The whole folder. `schemas`: by the id of Confluent's framing, where the records have it; `customer`: the only one, if chosen."""

    format: str
    customer: str | None
    files: tuple[ExportedFile, ...]
    schemas: dict[int, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Lay it down."""
        told = {
            "multichannel_export": LAYOUT,
            "format": self.format,
            "customer": self.customer,
            "schemas": {str(number): text for number, text in sorted(self.schemas.items())},
            "files": [asdict(each) for each in self.files],
        }
        whole = {**told, "sha256": hashlib.sha256(canonical(told)).hexdigest()}
        (folder / NAME).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest, and that the folder holds just the files that it names, whole and unaltered; SourceUnreadable names the file."""
    path = folder / NAME
    try:
        if path.stat().st_size > BYTES_MAX:
            raise SourceUnreadable(f"{path}: more than {BYTES_MAX:,} bytes are no manifest")
        told = json.loads(path.read_bytes())
        manifest = _read(told)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror or error}: is {folder} a folder that `multichannel export` wrote?") from None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SourceUnreadable(f"{path}: is no manifest of an export: {error}") from None
    _check_files(folder, manifest)
    return manifest


def _read(told: Any) -> Manifest:  # noqa: ANN401 - raw JSON
    if not isinstance(told, dict) or told.get("multichannel_export") != LAYOUT:
        raise ValueError(f'expected an object with "multichannel_export": {LAYOUT}')
    rest = {key: value for key, value in told.items() if key != "sha256"}
    if hashlib.sha256(canonical(rest)).hexdigest() != told.get("sha256"):
        raise ValueError("sha256: is not that of the other fields")
    if told["format"] not in FORMATS:
        raise ValueError(f"format: {told['format']!r} is none of {', '.join(FORMATS)}")
    files = tuple(ExportedFile(**each) for each in told["files"])
    for each in files:
        if each.topic not in contract().topics or each.path != f"{each.topic}/{each.partition}.{told['format']}":
            raise ValueError(f"files: {each.path!r} is not where partition {each.partition} of {each.topic} lies")
    schemas = {int(number): text for number, text in told["schemas"].items()}
    return Manifest(format=told["format"], customer=told["customer"], files=files, schemas=schemas)


def _check_files(folder: Path, manifest: Manifest) -> None:
    named = {each.path for each in manifest.files}
    try:
        for found in _files_in(folder):
            if found not in named:
                raise SourceUnreadable(f"{folder / found}: is not in the manifest; the folder was mixed with another")
        for each in manifest.files:
            path = folder / each.path
            if not path.is_file():
                raise SourceUnreadable(f"{path}: is in the manifest and not in the folder")
            size = path.stat().st_size
            if size != each.bytes:
                raise SourceUnreadable(f"{path}: {size:,} bytes, the manifest says {each.bytes:,}")
            if digest_of(path) != each.sha256:
                raise SourceUnreadable(f"{path}: its SHA-256 is not the one in the manifest")
    except OSError as error:
        raise SourceUnreadable(f"{error.filename or folder}: {error.strerror or error}") from None


def _files_in(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / NAME:
            yield path.relative_to(folder).as_posix()


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while read := file.read(READ_AT_ONCE):
            digest.update(read)
    return digest.hexdigest()
