"""Which topics are there, which records do they carry, and may a record change so? The contract in code.

`contract()` is what this program was delivered with: `.topics[name]` says role, key, partitions and the settings a broker must have,
`.schema(topic)` the newest schema of the topic's record, `.schemas[record]` all its versions. `topics.yaml`, `schemas/` and `examples/`
are the only places where topics and records are described; a fault in them is a ContractError that names file and key.
"""

from processors.contract.compatibility import history_problems, problems
from processors.contract.models import Topic
from processors.contract.records import DeadLetter, Disposition, ErrorCode, Header, JournalEntry
from processors.contract.released import Contract, ContractError, Schema, contract, folder, load

__all__ = [
    "Contract",
    "ContractError",
    "DeadLetter",
    "Disposition",
    "ErrorCode",
    "Header",
    "JournalEntry",
    "Schema",
    "Topic",
    "contract",
    "folder",
    "history_problems",
    "load",
    "problems",
]
