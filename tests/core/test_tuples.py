"""Does a maker make what the class itself would, and refuse the class whose missing field nobody would see?"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from processors.core.tuples import maker


class Place(NamedTuple):
    row: int
    name: str


class WithDefault(NamedTuple):
    row: int
    name: str = "here"


def test_a_maker_makes_what_the_class_makes() -> None:
    made = maker(Place)(7, "there")
    assert made == Place(7, "there")
    assert type(made) is Place
    assert (made.row, made.name) == (7, "there")


def test_a_class_with_defaults_is_refused() -> None:
    with pytest.raises(TypeError, match="WithDefault has defaults; a maker needs every field to be told"):
        maker(WithDefault)
