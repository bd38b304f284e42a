"""By what right a mailbox at Microsoft 365 is read, and what that right allows beyond it.

An app has its rights from two sides, and the larger one counts: what was consented to in Entra holds for every mailbox
of the organisation and is told in the token; what Exchange grants (RBAC for Applications) holds for some mailboxes only
and is told nowhere (https://learn.microsoft.com/exchange/permissions-exo/application-rbac).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from connectors.base import Grant
from connectors.graph_client import Graph
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent

_CALENDARS = 'grant Calendars.Read beside Mail.Read (docs/microsoft.md), or write read = ["mail"] for the mailbox'
_WRITES = ("write", "send", "fullcontrol", "access_as_user")


def grant(settings: Settings, login: Login, no_calendars: Permanent | None) -> Grant:
    """Tries the mailbox that must not be readable, if the admin named one. `no_calendars` is why none could be read."""
    permissions = login.granted.permissions
    lacking = [(f"its calendars are not read: {no_calendars}", _CALENDARS)] if no_calendars else []
    if settings.sign_in == "user":
        by = login.granted.person or settings.person
        return Grant(by=by, permissions=tuple(sorted(permissions)), warnings=(*lacking, *_writes(permissions)))
    warnings = (*lacking, *_writes(permissions), *_reach(settings, login, permissions))
    return Grant(by=f"the app {settings.client_id}", permissions=tuple(sorted(permissions)), warnings=warnings)


def _writes(permissions: frozenset[str]) -> Iterator[tuple[str, str]]:
    if writing := sorted(each for each in permissions if any(word in each.lower() for word in _WRITES)):
        cure = "take it away in Entra admin center > Enterprise applications > this app > Permissions"
        yield f"it could also write ({', '.join(writing)}), which syncd never does", cure


def _reach(settings: Settings, login: Login, permissions: frozenset[str]) -> Iterator[tuple[str, str]]:
    """That a policy of Exchange narrows the consent of Entra is seen only by trying."""
    narrow = (
        "revoke it in Entra admin center > Enterprise applications > this app > Permissions, and grant it for your "
        "mailboxes only, in Exchange Online PowerShell: New-ManagementRoleAssignment -App OBJECT-ID "
        '-Role "Application Mail.Read" -CustomResourceScope SCOPE (docs/microsoft.md)'
    )
    if settings.unreachable:
        if _opens(replace(settings, user=settings.unreachable), login):
            yield f"the app can read {settings.unreachable}, too, which it must not", narrow
    elif everybody := sorted(each for each in permissions if each.startswith(("Mail.", "Calendars."))):
        words = f"Entra lets the app read every mailbox of the organisation ({', '.join(everybody)})"
        yield words, f"{narrow}; if a policy narrows it already, name a mailbox outside as `unreachable`"


def _opens(settings: Settings, login: Login) -> bool:
    """Whether the inbox of this mailbox can be read; no message of it is."""
    graph = Graph(settings, login)
    try:
        graph.get(f"{graph.mailbox}/mailFolders/inbox?$select=id")
    except Permanent:
        return False
    finally:
        graph.close()
    return True
