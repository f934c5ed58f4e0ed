"""What happens to input that is no valid event? One exception for all of it, with the contract's error code and the field."""

from __future__ import annotations

from processors.contract import ErrorCode


class MessageRejected(Exception):  # noqa: N818 - what happened to the message, not a fault of the program
    """Bytes or JSON that are no valid message of their topic.

    Who catches it in the worker writes a dead letter with `code` and `text` and goes on with the next record; it will never become
    valid by trying again. Who catches it over files names `place` and ends with exit status 2 before anything is printed.
    `field` is the field at fault (dotted inside records), None where it is not a single one; `place` says file and line or record.
    """

    def __init__(self, code: ErrorCode, field: str | None, message: str, place: str | None = None) -> None:
        super().__init__(code, field, message, place)
        self.code = code
        self.field = field
        self.message = message
        self.place = place

    @property
    def text(self) -> str:
        """The message with the field before it: what a dead letter's error_message says."""
        return self.message if self.field is None else f"{self.field}: {self.message}"

    def within(self, name: str) -> MessageRejected:
        """The same, one record further out."""
        return MessageRejected(self.code, name if self.field is None else f"{name}.{self.field}", self.message, self.place)

    def at(self, place: str) -> MessageRejected:
        """The same, with the place where the message was read."""
        return MessageRejected(self.code, self.field, self.message, place)

    def __str__(self) -> str:
        """One line for a person."""
        return f"{f'{self.place}: ' if self.place else ''}{self.code.value}: {self.text}"


def undecodable(message: str) -> MessageRejected:
    """The bytes are no message."""
    return MessageRejected(ErrorCode.UNDECODABLE, None, message)


def invalid(message: str, field: str | None = None) -> MessageRejected:
    """A field cannot be read, or is not told."""
    return MessageRejected(ErrorCode.INVALID, field, message)
