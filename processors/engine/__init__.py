"""Exactly-once batches under Faust's agents and tables.

The public face::

    app = create_app("orders", bootstrap_servers=["127.0.0.1:9092"])
    pipeline = attach(Pipeline(app, inputs=["orders", "payments"], outputs=["invoices"], changelog="orders-changelog", codec=OrderRows(),
                               settings=EngineSettings(bootstrap_servers=("127.0.0.1:9092",))))
    orders = pipeline.table("orders")

    @app.agent(pipeline.channel)
    async def invoice(batches):
        async for batch in batches:
            with batch:                                   # leaving the block hands it to its transaction
                for record in batch:                      # raw bytes: topic, partition, offset, timestamp, key, value, headers
                    orders[record.key] = ...
                    batch.emit("invoices", record.key, b"...")

See docs/engine.md for the promises, the deadlines and the exit codes.
"""

from processors.engine.application import EngineApp, create_app, serve
from processors.engine.batch import Batch, BatchMisuseError, RecordTooLargeError, UndeclaredTopicError
from processors.engine.failstop import ExitCode, FailStop, StartRefusedError
from processors.engine.pipeline import Pipeline, attach
from processors.engine.readings import readings
from processors.engine.records import Record
from processors.engine.rows import RawRows, RowCodec
from processors.engine.settings import Deadlines, EngineSettings
from processors.engine.startup import Output
from processors.engine.table import StagedTable
from processors.engine.wiring import Hooks

__all__ = [
    "Batch",
    "BatchMisuseError",
    "Deadlines",
    "EngineApp",
    "EngineSettings",
    "ExitCode",
    "FailStop",
    "Hooks",
    "Output",
    "Pipeline",
    "RawRows",
    "Record",
    "RecordTooLargeError",
    "RowCodec",
    "StagedTable",
    "StartRefusedError",
    "UndeclaredTopicError",
    "attach",
    "create_app",
    "readings",
    "serve",
]
