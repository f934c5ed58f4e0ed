"""Which records does an exported folder hold? Read only if it is whole: every file as the manifest says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from processors.audit.entries import Record
from processors.audit.file_source import FileSource, read_lines
from processors.audit.kafka_source import FetchedSchemas
from processors.audit.manifest import ExportedFile, read_manifest
from processors.audit.parquet_form import read_parquet
from processors.audit.sources import Part, Source, SourceUnreadable, Wanted


class FolderSource:
    """What `multichannel export` wrote, in either format."""

    def __init__(self, folder: Path) -> None:
        """SourceUnreadable, naming the file, where the folder is not whole."""
        self.name = str(folder)
        self._folder = folder
        self.manifest = read_manifest(folder)
        self.schemas = FetchedSchemas()
        self.schemas.known = dict(self.manifest.schemas)

    def partitions(self, topic: str) -> tuple[int, ...]:
        """Those that were exported."""
        return tuple(sorted(each.partition for each in self.manifest.files if each.topic == topic))

    def records(self, topic: str, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """The records of the topic, partition by partition."""
        for partition in self.partitions(topic):
            if wanted.partition in {None, partition}:
                yield from self.read_part(Part(topic, partition), wanted)

    def parts(self, topics: Sequence[str]) -> tuple[Part, ...]:
        """A file each."""
        return tuple(Part(each.topic, each.partition) for topic in topics for each in self.manifest.files if each.topic == topic)

    def read_part(self, part: Part, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """The records of a file; SourceUnreadable where there are not as many as the manifest says, or of another topic or partition."""
        [told] = [each for each in self.manifest.files if (each.topic, each.partition) == (part.topic, part.partition)]
        count = 0
        for record in self._read(told):
            if (record.topic, record.partition) != (told.topic, told.partition):
                raise SourceUnreadable(f"{record.place}: a record of {record.topic} {record.partition} in the file of another")
            count += 1
            if wanted.has(record):
                yield record
        if count != told.records:
            raise SourceUnreadable(f"{self._folder / told.path}: {count:,} records, the manifest says {told.records:,}")

    def _read(self, told: ExportedFile) -> Iterator[Record]:
        path = self._folder / told.path
        if self.manifest.format == "parquet":
            yield from read_parquet(path, told.topic, self.schemas)
            return
        try:
            with path.open("rb") as file:
                yield from read_lines(file, str(path), self.schemas)
        except OSError as error:
            raise SourceUnreadable(f"{path}: {error.strerror or error}") from error

    def expected_bytes(self, topics: Sequence[str]) -> int:
        """The size of the files; those of Parquet hold about four times as much as they take."""
        factor = 4 if self.manifest.format == "parquet" else 1
        return factor * sum(each.bytes for each in self.manifest.files if each.topic in topics)

    def close(self) -> None:
        """Nothing is open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_files(path: Path) -> Source:
    """A folder of `multichannel export`, or a file of JSON Lines; SourceUnreadable."""
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise SourceUnreadable(f"{path}: is neither a folder of `multichannel export` nor a file")
    return FileSource(path)
