"""`multichannel export`: journal and decisions as files, to be verified away from Kafka."""

from __future__ import annotations

from pathlib import Path

import click

from processors.cli.configured import settings_or_stop
from processors.cli.exits import EXIT_INVALID, Stop
from processors.cli.verify import source_or_stop


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format", "file_format", type=click.Choice(["parquet", "jsonl"]), default="parquet", show_default=True, help="Of the files."
)
@click.option("--customer", metavar="ID", help="This customer_tenant_id only.")
@click.option("--inputs", is_flag=True, help="The input topics and the dead letters too.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def export(folder: Path, file_format: str, customer: str | None, inputs: bool, topic_prefix: str | None) -> None:
    """Write journal, decisions and view into FOLDER, which must not be there yet: a file for each partition, and a manifest.

    Each row has the record's bytes, which are the evidence, and its fields, for who queries the files. The manifest has the
    SHA-256, count and range of each file. The folder appears when it is whole; the same records give the same bytes.
    `multichannel verify FOLDER` reads it, and refuses it where a file was cut off, altered or mixed in.

    Example: multichannel export export-2024-06 --format parquet

    Exit codes: 0 done, 2 Kafka cannot be read, FOLDER is there already or cannot be written, or wrong usage, 78 wrong
    settings, 130 interrupted.
    """
    from processors.audit.exporting import export as write
    from processors.audit.kafka_source import KafkaSource
    from processors.audit.sources import SourceUnreadable

    settings = settings_or_stop(topic_prefix=topic_prefix)
    if folder.exists():
        raise Stop(f"{folder}: is there already; an export never adds to a folder", EXIT_INVALID)
    source = source_or_stop(None, settings)
    assert isinstance(source, KafkaSource)
    try:
        manifest = write(source, folder, file_format, customer=None if customer is None else customer.lower(), inputs=inputs)
    except SourceUnreadable as error:
        raise Stop(str(error), EXIT_INVALID) from None
    except OSError as error:
        raise Stop(f"{error.filename or folder}: {error.strerror or error}", EXIT_INVALID) from None
    for topic in dict.fromkeys(each.topic for each in manifest.files):
        of_topic = [each for each in manifest.files if each.topic == topic]
        click.echo(f"  {sum(each.records for each in of_topic):>12,}  {topic}, {sum(each.bytes for each in of_topic):,} bytes")
    click.echo(f"{folder}: {len(manifest.files)} files and their manifest")
