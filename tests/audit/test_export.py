"""Is an exported folder whole, the same each time, as good as Kafka for verifying, and refused where it is not what was written?"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from processors.audit import exporting
from processors.audit.checkpoint import canonical
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record
from processors.audit.folder_source import FolderSource
from processors.audit.jsonl_form import line_of
from processors.audit.manifest import digest_of
from processors.audit.parquet_form import ParquetFile, read_parquet
from processors.audit.sources import SourceUnreadable, Wanted
from tests.audit.writing import Written
from tests.conftest import Ended

pytestmark = [pytest.mark.xdist_group("audit"), pytest.mark.timeout(400)]

Run = Callable[..., Ended]


@pytest.fixture(scope="module", params=["parquet", "jsonl"])
def exported(request: pytest.FixtureRequest, written: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "folder"
    exporting.export(written.source(), folder, request.param)
    return folder


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "copy")


def signed_anew(folder: Path) -> None:
    """The manifest made right for the files as they are, as who alters one would."""
    path = folder / "manifest.json"
    told = json.loads(path.read_text("utf-8"))
    for each in told["files"]:
        file = folder / each["path"]
        each |= {"bytes": file.stat().st_size, "sha256": digest_of(file)}
    told.pop("sha256")
    path.write_text(json.dumps({**told, "sha256": hashlib.sha256(canonical(told)).hexdigest()}), "utf-8")


def test_a_folder_holds_the_records_of_kafka_and_verifies(exported: Path, written: Written, multichannel: Run) -> None:
    with FolderSource(exported) as source:
        for topic in (JOURNAL, DECISIONS, IN_FORCE):
            found = [replace(record, place="") for record in source.records(topic)]
            wanted = sorted(written.records[topic], key=lambda record: (record.partition, record.offset))
            assert found == [replace(record, place="") for record in wanted]
        customer = (written.records[JOURNAL][0].key or b"").decode()
        for topic in (JOURNAL, DECISIONS, IN_FORCE):
            picked = [record.offset for record in source.records(topic, Wanted(customer=customer))]
            assert picked == [record.offset for record in source.records(topic) if (record.key or b"").startswith(customer.encode())] != []
    ended = multichannel("verify", str(exported), "--format", "json")
    assert (ended.code, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["compared"] == [JOURNAL, DECISIONS, IN_FORCE]
    assert multichannel("verify", str(exported), "--inputs").code == 2


def test_the_same_records_give_the_same_bytes(exported: Path, written: Written, tmp_path: Path) -> None:
    again = exporting.export(written.source(), tmp_path / "again", FolderSource(exported).manifest.format)
    assert again == FolderSource(exported).manifest
    assert (tmp_path / "again" / "manifest.json").read_bytes() == (exported / "manifest.json").read_bytes()


def largest(folder: Path) -> Path:
    return max((path for path in (folder / JOURNAL).iterdir()), key=lambda path: path.stat().st_size)


def test_a_folder_that_is_not_whole_is_refused_with_the_file(copied: Path, multichannel: Run) -> None:
    path = largest(copied)
    whole = path.read_bytes()
    for content, complaint in ((whole[:-7], "bytes, the manifest says"), (whole[:-1] + b"!", "its SHA-256 is not the one in the manifest")):
        path.write_bytes(content)
        ended = multichannel("verify", str(copied))
        assert ended.code == 2
        assert str(path) in ended.stderr and complaint in ended.stderr
    path.unlink()
    assert f"{path}: is in the manifest and not in the folder" in multichannel("verify", str(copied)).stderr
    path.write_bytes(whole)
    assert multichannel("verify", str(copied)).code == 0
    (copied / JOURNAL / "99.jsonl").write_bytes(b"")
    assert "99.jsonl: is not in the manifest" in multichannel("verify", str(copied)).stderr
    (copied / JOURNAL / "99.jsonl").unlink()
    manifest = copied / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"records": ', '"records": 1'), "utf-8")
    refused = multichannel("verify", str(copied))
    assert refused.code == 2 and "sha256: is not that of the other fields" in refused.stderr


def test_files_that_changed_places_are_refused(copied: Path, multichannel: Run) -> None:
    one, other, *_ = sorted((copied / JOURNAL).iterdir(), key=lambda path: -path.stat().st_size)
    one_bytes = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(one_bytes)
    signed_anew(copied)
    ended = multichannel("verify", str(copied))
    assert ended.code == 2
    assert "in the file of another" in ended.stderr


def test_a_record_that_was_left_out_is_found_by_the_chain_even_with_a_right_manifest(written: Written, tmp_path: Path) -> None:
    """Whoever makes the folder right again cannot make the journal right."""
    exporting.export(written.source(), tmp_path / "folder", "jsonl")
    path = largest(tmp_path / "folder")
    lines = path.read_bytes().splitlines(keepends=True)
    keys = [json.loads(line)["key"] for line in lines]
    number = next(number for number, key in enumerate(keys) if key in keys[number + 1 :])
    path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    told = json.loads((tmp_path / "folder" / "manifest.json").read_text("utf-8"))
    for each in told["files"]:
        each["records"] -= each["path"] == f"{JOURNAL}/{path.name}"
    (tmp_path / "folder" / "manifest.json").write_text(json.dumps(told), "utf-8")
    signed_anew(tmp_path / "folder")
    from processors.audit.verifying import Task, verify

    [finding] = verify(Task(source=FolderSource(tmp_path / "folder"))).findings
    assert finding.damage == "REMOVED_ENTRY"
    assert finding.place.startswith(f"{path}:")


def test_a_field_that_says_something_else_than_the_bytes_is_refused(written: Written, tmp_path: Path) -> None:
    records = [record for record in written.records[DECISIONS] if record.partition == written.records[DECISIONS][0].partition]
    path = tmp_path / "d.parquet"

    class Lying(ParquetFile):
        def _flush(self) -> None:
            import pyarrow as pa

            from processors.audit import parquet_form

            batch = parquet_form._batch(self._waiting, DECISIONS, None, self._schema)
            place = batch.schema.get_field_index("value_rule")
            batch = batch.set_column(place, "value_rule", pa.array(["A1", *batch.column("value_rule").to_pylist()[1:]], pa.string()))
            self._writer.write_batch(batch)
            self._waiting.clear()

    with Lying(path, DECISIONS) as file:
        for record in records:
            file.write(record, None)
    with pytest.raises(SourceUnreadable, match="row 1: column value_rule is not what the bytes in value say"):
        list(read_parquet(path, DECISIONS, None))
    with ParquetFile(path, DECISIONS) as honest:
        for record in records:
            honest.write(record, None)
    assert [replace(each, place="") for each in read_parquet(path, DECISIONS, None)] == [replace(each, place="") for each in records]
    from processors.audit.file_source import FileSource

    line = json.loads(line_of(records[0], None))
    line["value"]["manual_review"] = not line["value"]["manual_review"]
    (tmp_path / "d.jsonl").write_text(json.dumps(line), "utf-8")
    with pytest.raises(SourceUnreadable, match=r"d\.jsonl:1: INVALID: value: is not what the bytes in value_base64 say"):
        list(FileSource(tmp_path / "d.jsonl").records(DECISIONS))


def test_records_that_cannot_be_read_are_exported_as_they_are(tmp_path: Path) -> None:
    from processors.audit.file_source import FileSource

    records = [
        Record(JOURNAL, 0, 1, None, b"\xff", b"junk", ""),
        Record(JOURNAL, 0, 2, 5_000, None, None, ""),
        Record(JOURNAL, 0, 3, 6_000, b"key", b"", ""),
    ]
    (tmp_path / "j.jsonl").write_bytes(b"".join(line_of(record, None) for record in records))
    assert [replace(each, place="") for each in FileSource(tmp_path / "j.jsonl").records(JOURNAL)] == records
    with ParquetFile(tmp_path / "j.parquet", JOURNAL) as file:
        for record in records:
            file.write(record, None)
    assert [replace(each, place="") for each in read_parquet(tmp_path / "j.parquet", JOURNAL, None)] == records


def test_an_export_that_fails_leaves_nothing_behind(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(exporting, "_write_file", full)
    with pytest.raises(OSError, match="No space left"):
        exporting.export(written.source(), tmp_path / "folder", "jsonl")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_folder_once(written: Written, multichannel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(written.settings.kafka_bootstrap_servers))
    words = ("export", str(tmp_path / "out"), "--topic-prefix", written.settings.topic_prefix)
    ended = multichannel(*words, "--inputs")
    assert ended.code == 0
    assert f"{len(written.records[JOURNAL]):,}  {JOURNAL}" in ended.stdout
    assert multichannel("verify", str(tmp_path / "out"), "--inputs").code == 0
    again = multichannel(*words)
    assert again.code == 2 and "is there already" in again.stderr
    customer = (written.records[JOURNAL][0].key or b"").decode()
    assert multichannel("export", str(tmp_path / "one"), "--topic-prefix", written.settings.topic_prefix, "--customer", customer).code == 0
    one = multichannel("verify", str(tmp_path / "one"), "--format", "json")
    assert one.code == 0 and json.loads(one.stdout)["figures"]["customers"] == 1
