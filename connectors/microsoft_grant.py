"""By what right a mailbox at Microsoft 365 is read, and what that right allows beyond it.

An app has its rights from two sides, and the larger one counts: what was consented to in Entra holds for every mailbox
of the organisation and is told in the token; what Exchange grants (RBAC for Applications) holds for some mailboxes only
and is told nowhere (https://learn.microsoft.com/exchange/permissions-exo/application-rbac).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from connectors.base import Grant
from connectors.graph_client import Graph
from connectors.graph_errors import Forbidden
from connectors.microsoft_login import Granted, Login, certificate_ends
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, SyncError

_WRITES = ("write", "send", "fullcontrol", "access_as_user")
_PLACES = {"Mail.Read": "mailFolders/inbox?$select=id", "Calendars.Read": "calendars?$select=id&$top=1"}
"""What shows whether a right is there: rights that Exchange can grant for some mailboxes only."""
_TASKS = {"Tasks.Read": "todo/lists?$top=1"}
_SCOPED = ("Mail", "Calendars", "Contacts")
"""Of the rights to mailboxes, those that it can."""
_AHEAD = timedelta(days=30)
_PERMISSIONS = "Entra admin center > Enterprise applications > this app > Permissions"


def grant(settings: Settings, login: Login, lacking: Mapping[str, SyncError]) -> Grant:
    """Tries the mailbox that must not be readable, if the admin named one. `lacking` are rights without which
    something was not read, and what was said instead."""
    granted = login.granted
    told = tuple(sorted(granted.permissions))
    warnings = (*_lacks(settings, login, lacking), *_writes(granted.permissions))
    if settings.sign_in == "user":
        return Grant(by=granted.person or settings.person, permissions=told, warnings=warnings)
    by_exchange = tuple(_by_exchange(settings, login, granted.permissions))
    warnings = (*warnings, *_ends(login), *_reach(settings, login, granted, by_exchange))
    return Grant(by=f"the app {settings.client_id}", permissions=(*told, *by_exchange), warnings=warnings)


def _by_exchange(settings: Settings, login: Login, permissions: frozenset[str]) -> Iterator[str]:
    """Rights that no token tells of and that open this mailbox all the same."""
    for right, place in _PLACES.items():
        known = any(each.partition(".")[0] == right.partition(".")[0] for each in permissions)
        if not known and _opens(settings, login, place):
            yield f"{right} by Exchange"


def _lacks(settings: Settings, login: Login, lacking: Mapping[str, SyncError]) -> Iterator[tuple[str, str]]:
    for right, error in lacking.items():
        what = right.partition(".")[0].lower()
        again = f", then {login.context.sign_in}" if settings.sign_in == "user" else ""
        yield (
            f"its {what} are not read: {error}",
            f"grant {right} (docs/microsoft.md){again}; or leave it out of `read`",
        )


def _writes(permissions: frozenset[str]) -> Iterator[tuple[str, str]]:
    if writing := sorted(each for each in permissions if any(word in each.lower() for word in _WRITES)):
        yield f"it could also write ({', '.join(writing)}), which syncd never does", f"take it away in {_PERMISSIONS}"


def _ends(login: Login) -> Iterator[tuple[str, str]]:
    """Entra tells nobody beforehand."""
    ends = certificate_ends(login.context.secret())
    if ends is not None and ends - login.context.now() < _AHEAD:
        cure = "make another, upload it beside the old one, and put it in its place (docs/microsoft.md, section 2)"
        yield f"the app's certificate ends on {ends:%Y-%m-%d}", cure


def _reach(settings: Settings, login: Login, granted: Granted, by_exchange: Sequence[str]) -> Iterator[tuple[str, str]]:
    """That a policy of Exchange narrows the consent of Entra, and how far its own grants go, is seen only by trying."""
    everybody = sorted(each for each in granted.permissions if each.startswith((*_SCOPED, "Tasks.")))
    if settings.unreachable:
        yield from _tried(settings, login, granted, everybody)
    elif everybody:
        words = f"Entra lets the app read every mailbox of the organisation ({', '.join(everybody)})"
        cure = _narrow(settings, granted, everybody)
        yield words, f"{cure}; if a policy narrows it already, name a mailbox outside as `unreachable`"
    elif by_exchange:
        cure = "name one that the app must not be able to read as `unreachable`: syncd check tries it"
        yield "which mailboxes Exchange lets the app read is told nowhere", cure


def _tried(settings: Settings, login: Login, granted: Granted, everybody: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Only a refusal proves anything: a name that is misspelt opens nothing, either."""
    other = settings.unreachable
    try:
        there = replace(settings, user=other)
        places = {**_PLACES, **(_TASKS if any(each.startswith("Tasks.") for each in everybody) else {})}
        if opened := [right for right, place in places.items() if _opens(there, login, place)]:
            words = f"the app can read {other}, too ({', '.join(opened)}), which it must not"
            yield words, _narrow(settings, granted, everybody)
    except Permanent as error:
        words = f"whether the app can read {other}, too, could not be tried: {error}"
        yield words, "name another mailbox of the organisation as `unreachable`"


def _narrow(settings: Settings, granted: Granted, everybody: Sequence[str]) -> str:
    """What to do where, with this app's own ids: lines to copy."""
    scoped = sorted({each.partition(".")[0] for each in everybody} & {*_SCOPED} or {"Mail", "Calendars"})
    app = granted.object_id or "OBJECT-ID"
    assign = f'New-ManagementRoleAssignment -App {app} -CustomResourceScope "syncd mailboxes" -Role'
    grants = [f'{assign} "Application {each}.Read"' for each in scoped]
    revoke = f"revoke {', '.join(everybody)} in {_PERMISSIONS}, and grant" if everybody else "narrow"
    made = f"New-ServicePrincipal -AppId {settings.client_id} -ObjectId {app} -DisplayName syncd"
    tasks = any(each.startswith("Tasks.") for each in everybody)
    more = '; tasks Exchange cannot grant for some mailboxes only: leave "tasks" out of `read`' if tasks else ""
    where = "in Exchange Online PowerShell (docs/microsoft.md makes the scope)"
    return f"{revoke} it for your mailboxes only, {where}: {'; '.join([made, *grants])}{more}"


def _opens(settings: Settings, login: Login, place: str) -> bool:
    """Whether this of the mailbox can be read; no message of it is. Raises Permanent where there is no mailbox."""
    graph = Graph(settings, login)
    try:
        graph.get(f"{graph.mailbox}/{place}")
    except Forbidden:
        return False
    finally:
        graph.close()
    return True
