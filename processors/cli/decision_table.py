"""How does a decision stand on a terminal? A framed message: labels on the left, what is said on the right."""

from __future__ import annotations

import re

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from processors.core.decisions import Decision
from processors.words.message import message
from processors.words.vocabulary import Vocabulary

WIDTH_WITHOUT_TERMINAL = 100
_MARGIN = re.compile(r" *(?:[0-9]+\. )?")


def table_console(*, to_stderr: bool = False) -> Console:
    """A console that neither reads markup into texts nor colours ids; as wide as the terminal, else 100 columns."""
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    return console


def decision_table(decision: Decision, words: Vocabulary) -> Group:
    """The message of `decision` in the language of `words`: the headline, and below it the rest."""
    told = message(decision, words)
    table = Table(box=box.ROUNDED, show_header=False, expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=4)
    for part in told.parts:
        table.add_row(Text(part.label), Group(*(_line(line) for line in part.lines)))
    return Group(Text(told.headline, style="bold"), table)


def _line(line: str) -> Table | Text:
    """One line, its leading spaces or its number as a margin, so that what wraps stays behind it."""
    margin = _MARGIN.match(line)
    assert margin is not None
    lead = margin[0]
    if not lead:
        return Text(line)
    grid = Table.grid()
    grid.add_column(width=len(lead))
    grid.add_column()
    grid.add_row(Text(lead), Text(line[len(lead) :]))
    return grid
