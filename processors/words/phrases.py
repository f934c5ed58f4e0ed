"""Which sentences and patterns does every language have, and which places do they leave open?"""

from __future__ import annotations

from enum import Enum


class Phrase(Enum):
    """The sentences and patterns, each with its key in the file and the places it leaves open."""

    INSTANT = ("instant", frozenset({"year", "month", "day", "time"}))
    DAY = ("day", frozenset({"year", "month", "day"}))
    LABELLED = ("labelled", frozenset({"label", "text"}))
    IN_ROLE = ("in_role", frozenset({"actor", "role"}))
    BETWEEN = ("between", frozenset[str]())
    ANY_PARTNER = ("any_partner", frozenset[str]())
    REVIEW_NEEDED = ("review_needed", frozenset[str]())
    NO_NEXT_STEPS = ("no_next_steps", frozenset[str]())
    MAY_CHANGE = ("may_change", frozenset({"instant"}))
    HOLDS = ("holds", frozenset[str]())
    REFERENCE = ("reference", frozenset({"decision_id", "rule", "policy_version"}))
    YES = ("yes", frozenset[str]())
    NO = ("no", frozenset[str]())
    YEARS_ONE = ("years_one", frozenset({"count"}))
    YEARS_FEW = ("years_few", frozenset({"count"}))
    YEARS_MANY = ("years_many", frozenset({"count"}))
    MONTHS_ONE = ("months_one", frozenset({"count"}))
    MONTHS_FEW = ("months_few", frozenset({"count"}))
    MONTHS_MANY = ("months_many", frozenset({"count"}))
    DAYS_ONE = ("days_one", frozenset({"count"}))
    DAYS_FEW = ("days_few", frozenset({"count"}))
    DAYS_MANY = ("days_many", frozenset({"count"}))
    HOURS_ONE = ("hours_one", frozenset({"count"}))
    HOURS_FEW = ("hours_few", frozenset({"count"}))
    HOURS_MANY = ("hours_many", frozenset({"count"}))
    STATE_CHANGED = ("state_changed", frozenset[str]())
    TIME_PASSED = ("time_passed", frozenset({"instant"}))
    APPLIED = ("applied", frozenset[str]())
    DUPLICATE_IGNORED = ("duplicate_ignored", frozenset[str]())
    STALE_IGNORED = ("stale_ignored", frozenset[str]())
    REVIEWS_LEFT_OUT = ("reviews_left_out", frozenset({"count"}))
    EVENTS_LEFT_OUT = ("events_left_out", frozenset({"count"}))
    STORY_AS_OF = ("story_as_of", frozenset({"instant"}))
    ANSWER = ("answer", frozenset({"number"}))
    ANSWER_IN_FORCE = ("answer_in_force", frozenset({"number", "instant"}))
    ANSWER_REPLACED = ("answer_replaced", frozenset({"number", "instant", "until", "by"}))
    EARLIER_ANSWER = ("earlier_answer", frozenset({"number", "instant", "outcome"}))
    EARLIER_DETAILS = ("earlier_details", frozenset({"number", "instant"}))
    ROW = ("row", frozenset({"rule", "policy_version", "instant"}))
    ROW_BEFORE_FIRST = ("row_before_first", frozenset({"rule", "policy_version"}))
    POSITION = ("position", frozenset({"position", "text"}))
    EVENT_NUMBER = ("event_number", frozenset({"number", "instant", "what"}))
    BY_REVIEW = ("by_review", frozenset[str]())
    BY_VERSION = ("by_version", frozenset({"policy_version", "instant"}))
    BECOMES = ("becomes", frozenset({"instant"}))
    DETAILS_BECOME = ("details_become", frozenset({"instant"}))
    TIME_CHANGES_NOTHING = ("time_changes_nothing", frozenset[str]())
    SUPPOSED = ("supposed", frozenset({"what"}))
    SUPPOSED_ONLY_DETAILS = ("supposed_only_details", frozenset[str]())
    FACTS_TOLD = ("facts_told", frozenset[str]())
    NOTHING_ELSE_TRIED = ("nothing_else_tried", frozenset[str]())
    MISSING_FACT = ("missing_fact", frozenset({"label", "field"}))
    NOT_REPRODUCED = ("not_reproduced", frozenset[str]())

    def __init__(self, key: str, places: frozenset[str]) -> None:
        self.key = key
        self.places = places
