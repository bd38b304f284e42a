"""By what right a mailbox at Microsoft 365 is read, and what that right allows beyond it.

An app has its rights from two sides, and the larger one counts: what was consented to in Entra holds for every mailbox
of the organisation and is told in the token; what Exchange grants (RBAC for Applications) holds for some mailboxes only
and is told nowhere (https://learn.microsoft.com/exchange/permissions-exo/application-rbac).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.base import Grant
from connectors.graph_client import Graph
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, SyncError

_WRITES = ("write", "send", "fullcontrol", "access_as_user")


def grant(settings: Settings, login: Login, lacking: Mapping[str, SyncError]) -> Grant:
    """Tries the mailbox that must not be readable, if the admin named one. `lacking` are rights without which
    something was not read, and what was said instead."""
    permissions = login.granted.permissions
    if settings.sign_in == "user":
        by = login.granted.person or settings.person
        return Grant(by=by, permissions=tuple(sorted(permissions)), warnings=(*_lacks(lacking), *_writes(permissions)))
    warnings = (*_lacks(lacking), *_writes(permissions), *_reach(settings, login, permissions))
    return Grant(by=f"the app {settings.client_id}", permissions=tuple(sorted(permissions)), warnings=warnings)


def _lacks(lacking: Mapping[str, SyncError]) -> Iterator[tuple[str, str]]:
    for right, error in lacking.items():
        what = right.partition(".")[0].lower()
        yield f"its {what} are not read: {error}", f"grant {right} (docs/microsoft.md), or leave it out of `read`"


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
    elif everybody := sorted(each for each in permissions if each.startswith(("Mail.", "Calendars.", "Tasks."))):
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
