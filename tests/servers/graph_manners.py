"""What syncd keeps to at Microsoft with every request, whatever a test does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_http import Request
from tests.servers.graph_judge import problems

MOST = 3
"""Requests at once for a mailbox; Exchange takes four."""
_IMMUTABLE = 'IdType="ImmutableId"'
_SIGN_IN = ("/oauth2/v2.0/token", "/oauth2/v2.0/devicecode")


def breaches(cloud: Cloud) -> list[str]:
    """Nothing is written, ids that change are never asked for, no more than three requests run at once; and, of the
    fake itself, that what it gives is what Graph's metadata allows."""
    login, graph = cloud.login, cloud.graph
    found = [breach for request in graph.requests for breach in _of(request)]
    found += [f"{each.method} {each.path}" for each in login.requests if each.method != "GET" and not _signs_in(each)]
    if graph.busiest > MOST:
        found.append(f"{graph.busiest} requests at once")
    return found + [problem for kind, body in graph.answers for problem in problems(kind, body)]


def _signs_in(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith(_SIGN_IN)


def _of(request: Request) -> Iterator[str]:
    if _IMMUTABLE not in request.headers.get("prefer", ""):
        yield f"{request.url} does not ask for immutable ids"
    if request.method == "GET":
        return
    if request.method != "POST" or request.path != "/v1.0/$batch":
        yield f"{request.method} {request.url}"
        return
    parts: list[dict[str, Any]] = json.loads(request.body)["requests"]
    for part in parts:
        if part["method"] != "GET" or part.get("body"):
            yield f"{part['method']} {part['url']} in a batch"
        if _IMMUTABLE not in part.get("headers", {}).get("Prefer", ""):
            yield f"{part['url']} in a batch does not ask for immutable ids"
