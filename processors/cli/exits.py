"""With which exit code does a command end, and what does it say? `docs/exit-codes.md` is made from this table."""

from __future__ import annotations

EXIT_OK = 0
EXIT_DIFFERENCES = 1
EXIT_INVALID = 2
EXIT_BAD_RECORDS = 65
EXIT_UNAVAILABLE = 69
EXIT_FAILED = 70
EXIT_TRY_AGAIN = 75
EXIT_SETTINGS = 78
EXIT_INTERRUPTED = 130
EXIT_READER_GONE = 141

MEANINGS: dict[int, str] = {
    EXIT_OK: "Done; where something was compared, no difference.",
    EXIT_DIFFERENCES: "Differences or complaints were found; they are printed.",
    EXIT_INVALID: "Wrong usage or invalid input: the message names the place, the field and what was expected. "
    "`topics plan` ends with it where broker and topics.yaml differ, `verify` where it cannot read, whatever the reason.",
    EXIT_BAD_RECORDS: "The worker stopped itself: more of the last records than bad_record_share_max allows were no valid events. "
    "The producer is broken; nothing of the last batch is acknowledged.",
    EXIT_UNAVAILABLE: "Something needed is missing or does not answer: broker, schema registry, Java, Maven.",
    EXIT_FAILED: "The worker stopped itself because going on could lose or double something. Nothing is acknowledged; start it again.",
    EXIT_TRY_AGAIN: "It cannot start yet; trying again later may work.",
    EXIT_SETTINGS: "The settings are wrong: the message names the setting, what was found and what was expected.",
    EXIT_INTERRUPTED: "Interrupted by Ctrl-C.",
    EXIT_READER_GONE: "Who read the output ended first (`| head`).",
}


class Stop(Exception):  # noqa: N818 - it is a way to end, not only an error
    """End the command with `code` after saying the message in one line on stderr; nobody catches it but `main`."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
