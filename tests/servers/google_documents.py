"""A judge of answers by Google's own discovery documents, which google-api-python-client brings.

It knows nothing of the fake: what it is told is the method's id (`gmail.users.messages.get`) and the body as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from googleapiclient import discovery_cache

VERSIONS = {"gmail": "v1", "calendar": "v3", "tasks": "v1", "people": "v1", "admin": "directory_v1"}
_RANGES = {
    "int32": (-(2**31), 2**31),
    "uint32": (0, 2**32),
    "int64": (-(2**63), 2**63),
    "uint64": (0, 2**64),
}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")


@dataclass(frozen=True, slots=True)
class Method:
    """One method of one API, as its document describes it."""

    api: str
    id: str
    http_method: str
    path: re.Pattern[str]
    """Of the whole path; its groups are the path parameters."""
    parameters: dict[str, Any]
    scopes: frozenset[str]
    response: str
    """The name of the schema of its answer."""


@cache
def document(api: str) -> dict[str, Any]:
    """The discovery document of an API by its short name (VERSIONS)."""
    text = discovery_cache.get_static_doc(api, VERSIONS[api])
    assert text, f"the client library brings no document of {api}"
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def methods() -> dict[str, Method]:
    """Method id -> method, of all the APIs."""
    return {method.id: method for api in VERSIONS for method in _walk(api, document(api))}


def _walk(api: str, node: dict[str, Any]) -> Iterator[Method]:
    general = document(api)
    for found in node.get("methods", {}).values():
        template = "/" + general["servicePath"] + found.get("flatPath", found["path"])
        # What stands between the names is compared letter by letter; `+` names take slashes as well.
        pattern = re.sub(r"\\\{\\?\+?(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        yield Method(
            api=api,
            id=found["id"],
            http_method=found["httpMethod"],
            path=re.compile(pattern),
            parameters={**general["parameters"], **found.get("parameters", {})},
            scopes=frozenset(found.get("scopes", ())),
            response=found.get("response", {}).get("$ref", ""),
        )
    for child in node.get("resources", {}).values():
        yield from _walk(api, child)


def problems(method_id: str, body: object) -> list[str]:
    """What is wrong with this answer of this method: fields that its schema does not have, values of another type."""
    method = methods()[method_id]
    if not method.response:
        return [] if body in (None, "", {}) else [f"{method_id} answers nothing, not {body!r}"]
    schemas = document(method.api)["schemas"]
    return list(_problems(schemas, schemas[method.response], body, method.response))


def _problems(schemas: dict[str, Any], schema: dict[str, Any], value: object, place: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type")
    if kind == "object":
        yield from _object_problems(schemas, schema, value, place)
    elif kind == "array":
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for number, each in enumerate(value):
            yield from _problems(schemas, schema["items"], each, f"{place}[{number}]")
    elif not _fits(kind, schema.get("format", ""), value):
        yield f"{place}: {value!r} is no {kind} {schema.get('format', '')}".rstrip()
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"


def _object_problems(schemas: dict[str, Any], schema: dict[str, Any], value: object, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no object"
        return
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, each in value.items():
        if name in properties:
            yield from _problems(schemas, properties[name], each, f"{place}.{name}")
        elif others is not None:
            yield from _problems(schemas, others, each, f"{place}.{name}")
        else:
            yield f"{place}.{name}: the schema has no such field"


def _fits(kind: str | None, form: str, value: object) -> bool:
    if kind == "any":
        return True
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        low, high = _RANGES[form or "int64"]
        return isinstance(value, int) and not isinstance(value, bool) and low <= value < high
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return kind == "string" and isinstance(value, str) and _string_fits(form, value)


def _string_fits(form: str, value: str) -> bool:
    """64-bit numbers travel as strings, since JSON's may lose digits."""
    if form in ("int64", "uint64"):
        low, high = _RANGES[form]
        return bool(re.fullmatch(r"-?\d{1,20}", value)) and low <= int(value) < high
    if form == "byte":
        return bool(_BASE64URL.fullmatch(value))
    if form in ("date-time", "date", "google-datetime"):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            return False
        return len(value) == 10 if form == "date" else instant.tzinfo is not None
    return True
