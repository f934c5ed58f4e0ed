"""How does the worker write its log? As text for people on a terminal, as one JSON object a line for everything else, both on stderr."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

TEXT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One object a line: timestamp, level, logger, message, and the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line feed."""
        told = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_to_stderr(form: Literal["auto", "text", "json"], level: str) -> None:
    """Begin to log; `auto` is text on a terminal and JSON elsewhere."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(TEXT) if text else JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
