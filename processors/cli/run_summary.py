"""What does a person see of the demo? A summary that says what came in, what came out, and where to look next."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from processors.cli.decision_table import decision_table, table_console
from processors.core.conclusions import Outcome
from processors.topology.portfolio import COUNTRIES
from processors.words.vocabulary import vocabulary_of

if TYPE_CHECKING:
    from processors.core.decisions import Decision
    from processors.topology.demo import Came

LANGUAGES: Final = dict(zip(COUNTRIES, ("en", "cs", "hu", "pl", "sv", "zh-CN"), strict=True))
SAMPLES: Final = ((Outcome.SUPPORT_AUTHORIZED, "en"), (Outcome.SWITCH_REFUSED, "cs"), (Outcome.RECREATE_AND_CANCEL, "pl"))
NO_KAFKA: Final = "NO KAFKA TOOK PART: the demo went through the same core, without a broker. Nothing was written anywhere."


def say(label: str, text: str) -> None:
    """One line of the summary."""
    click.echo(f"{label:<10}{text}")


def summarise(came: Came, *, kafka: bool) -> None:
    """Numbers first, then three decisions in words."""
    decided = sum(came.decisions.values())
    rate = f", {came.events / came.seconds:,.0f} events/s with everything in and out" if kafka and came.seconds > 0 else ""
    again = came.dispositions["DUPLICATE_IGNORED"]
    say(
        "events",
        f"{came.events:,} in{rate}" + (f"; {again:,} of them known from an earlier run: duplicates change nothing" if again else ""),
    )
    if kafka:
        say("time", f"{came.reviews:,} reviews written, because time alone may have changed an answer")
    say("decisions", f"{decided:,} out" + (": all of this was decided in an earlier run" if again and not decided else ""))
    _table(came.decisions)
    say("in force", f"{len(came.in_force):,} answers for (customer, subscription, partner)")
    _table(Counter(decision.answer.outcome.value for decision in came.in_force.values()))
    say("refused", f"{sum(came.refused.values()):,} records sent to be refused" + (", now dead letters" if kafka else ""))
    _table(came.refused)
    console = table_console()
    for outcome, language in SAMPLES:
        decision = _sample(came, outcome)
        if decision is not None:
            click.echo()
            console.print(decision_table(decision, vocabulary_of(language)))


def where_to_look(prefix: str) -> None:
    """The next commands, ready to be typed."""
    command, option = _command(), f" --topic-prefix {prefix}" if prefix else ""
    click.echo()
    say("look", f"{command} consume customer-channel-support{option}")
    say("", f"{command} dead-letters list{option}")
    say("", f"{command} replay examples/stories/*.jsonl --format table --language cs")
    say("prove", f"{command} verify{option}")
    say("go on", f"{command} worker{option}")
    say("stop", f"{command} broker stop")


def _command() -> str:
    """The program as a shell finds it: by its name, or where that is not (another) on the PATH, as it was called."""
    called, name = sys.argv[0], "multichannel"
    found = shutil.which(name)
    is_ours = Path(called).name == name and Path(called).exists()
    return called if is_ours and (found is None or not Path(found).samefile(called)) else name


def _table(counted: Counter[str]) -> None:
    for name, number in counted.most_common():
        say("", f"  {name:<26}{number:>8,}")


def _sample(came: Came, outcome: Outcome) -> Decision | None:
    """The first of its outcome, for a named partner where there is one."""
    found = [decision for decision in came.in_force.values() if decision.answer.outcome is outcome]
    return min(found, key=lambda each: (each.partner_tenant_id is None, each.decision_id), default=None)
