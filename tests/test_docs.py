"""Do the generated documents say what the code says now?"""

from __future__ import annotations

import pytest

from docs.generate import DOCS, GENERATED


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_document_is_what_the_code_would_write_now(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == GENERATED[name](), f"docs/{name} is stale: run `make docs`"
