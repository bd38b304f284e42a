"""Google's own error bodies, as its servers send them. Each is (status, body)."""

from __future__ import annotations

from typing import Any, NamedTuple

PROJECT = "123456789012"


class Refusal(NamedTuple):
    status: int
    body: dict[str, Any]
    retry_after: str = ""
    """The header's value, which Google seldom sends."""


def refusal(
    code: int, message: str, reason: str, status: str, *, domain: str = "global", details: Any = None, after: str = ""
) -> Refusal:
    error: dict[str, Any] = {
        "code": code,
        "message": message,
        "errors": [{"message": message, "domain": domain, "reason": reason}],
        "status": status,
    }
    if details:
        error["details"] = details
    return Refusal(code, {"error": error}, after)


NOT_FOUND = refusal(404, "Requested entity was not found.", "notFound", "NOT_FOUND")
INVALID_TOKEN = refusal(400, "Invalid pageToken", "invalidArgument", "INVALID_ARGUMENT")
UNAUTHENTICATED = refusal(
    401,
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    "authError",
    "UNAUTHENTICATED",
)
MAIL_NOT_ENABLED = refusal(400, "Mail service not enabled", "failedPrecondition", "FAILED_PRECONDITION")
NO_Q = refusal(403, "Metadata scope does not support 'q' parameter", "forbidden", "PERMISSION_DENIED")
NO_FULL = refusal(403, "Metadata scope doesn't allow format FULL", "forbidden", "PERMISSION_DENIED")
BACKEND = refusal(500, "Backend Error", "backendError", "INTERNAL")
UNAVAILABLE = refusal(503, "The service is currently unavailable.", "backendError", "UNAVAILABLE")
DAILY_LIMIT = refusal(403, "Daily Limit Exceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED", domain="usageLimits")
DOMAIN_POLICY = refusal(403, "The domain administrators have disabled Gmail apps.", "domainPolicy", "PERMISSION_DENIED")


def bad_request(message: str) -> Refusal:
    return refusal(400, message, "invalidArgument", "INVALID_ARGUMENT")


def delegation_denied(user: str) -> Refusal:
    return refusal(403, f"Delegation denied for {user}", "forbidden", "PERMISSION_DENIED")


def scope_insufficient(service: str) -> Refusal:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": f"{service}.googleapis.com"},
    }
    message = "Request had insufficient authentication scopes."
    return refusal(403, message, "insufficientPermissions", "PERMISSION_DENIED", details=[info])


def not_enabled(service: str) -> Refusal:
    page = f"https://console.developers.google.com/apis/api/{service}.googleapis.com/overview?project={PROJECT}"
    message = (
        f"{service.title()} API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting "
        f"{page} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our "
        "systems and retry."
    )
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": f"{service}.googleapis.com", "consumer": f"projects/{PROJECT}"},
    }
    return refusal(403, message, "accessNotConfigured", "PERMISSION_DENIED", domain="usageLimits", details=[info])


def too_fast(reason: str = "rateLimitExceeded", *, code: int = 403, after: str = "", until: str = "") -> Refusal:
    """Quota, in either shape: 403 or 429, with a header (`after`, seconds), a time in the words (`until`), or none."""
    message = (
        f"User-rate limit exceeded.  Retry after {until}" if until else "Quota exceeded for quota metric 'Queries'"
    )
    return refusal(code, message, reason, "RESOURCE_EXHAUSTED", domain="usageLimits", after=after)


def too_fast_without_list() -> Refusal:
    """As newer front ends say it: no `errors`, so that a client that looks for reasons there finds none."""
    body = {"error": {"code": 403, "message": "Resource exhausted.", "status": "RESOURCE_EXHAUSTED"}}
    return Refusal(403, body)
