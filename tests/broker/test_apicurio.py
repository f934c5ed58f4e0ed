"""Is the schema registry real: does it keep a schema and refuse an incompatible one?"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest


def ask(url: str, method: str = "GET", body: object = None) -> object:
    request = urllib.request.Request(url, method=method, data=json.dumps(body).encode() if body is not None else None)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def schema(*fields: dict[str, object]) -> dict[str, str]:
    return {"schema": json.dumps({"type": "record", "name": "Example", "fields": fields})}


def test_it_keeps_schemas_by_id_and_refuses_an_incompatible_version(registry_url: str, topic_prefix: str) -> None:
    subject = f"{topic_prefix}example-value"
    ask(f"{registry_url}/config/{subject}", "PUT", {"compatibility": "BACKWARD_TRANSITIVE"})
    versions = f"{registry_url}/subjects/{subject}/versions"
    first = ask(versions, "POST", schema({"name": "a", "type": "string"}))
    assert isinstance(first, dict)
    kept = ask(f"{registry_url}/schemas/ids/{first['id']}")
    assert isinstance(kept, dict)
    assert json.loads(kept["schema"])["name"] == "Example"
    with pytest.raises(urllib.error.HTTPError, match="409") as refused:
        ask(versions, "POST", schema({"name": "b", "type": "string"}))
    refused.value.close()
