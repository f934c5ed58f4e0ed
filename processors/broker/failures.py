"""Why is there no broker? Each condition has a name, so that the caller can tell what to do."""

from __future__ import annotations


class ServerUnavailableError(Exception):
    """A server cannot be had or does not answer; the message says what is missing and how to get it. Exit code 69."""


class ServerBusyError(Exception):
    """Another command is starting or stopping the same server and has not finished in time; try again. Exit code 75."""
