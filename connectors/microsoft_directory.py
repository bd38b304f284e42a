"""The members of a group in Entra, by Graph: whose mailboxes one registration is for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from connectors.base import Context
from connectors.graph_client import Graph, query
from connectors.graph_errors import Missing
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from syncd.errors import Permanent, Retryable

_PERSON = "#microsoft.graph.user"


def members(settings: Settings, context: Context, domain: str) -> Sequence[str]:
    """The addresses at `domain` of all members of the group, and of the groups within it. Nobody at all is taken for a
    fault."""
    if settings.sign_in != "app" or not settings.group:
        cure = 'write group = "..." with the id of a group, and sign_in = "app"; or list them: users = [...]'
        raise Permanent(f"which mailboxes of {domain} are meant is told by a group, to the app itself", cure=cure)
    graph = Graph(settings, Login(settings, context))
    path = f"/groups/{quote(settings.group)}/transitiveMembers{query(select='mail,userPrincipalName', top='999')}"
    try:
        entries = [entry for page in graph.pages(path) for entry in page.value]
    except Missing as error:
        cure = "check `group`: Entra admin center > Groups > the group > Object ID"
        raise Permanent(f"there is no group {settings.group}", cure=cure) from error
    except Permanent as error:
        cure = "grant the app GroupMember.Read.All and User.ReadBasic.All (application permissions, with admin consent)"
        raise Permanent(f"the members of the group cannot be read: {error}", cure=cure) from error
    finally:
        graph.close()
    people = [entry for entry in entries if entry.get("@odata.type") == _PERSON]
    if any(not entry.get("userPrincipalName") for entry in people):
        # What an app has no right to is told with its id and nothing else
        # (https://learn.microsoft.com/graph/permissions-overview, limited information for inaccessible members).
        cure = "grant the app User.ReadBasic.All (application permission, with admin consent)"
        raise Permanent(f"of the members of the group {settings.group} only their ids are told", cure=cure)
    mails = [str(entry.get("mail") or "") for entry in people]
    found = {mail.casefold(): mail for mail in mails if mail.casefold().endswith(f"@{domain.casefold()}")}
    if not found:
        raise Retryable(f"the group {settings.group} has no member with a mailbox at {domain}", cure="check `domain`")
    return sorted(found.values())
