"""By what right a mailbox on an Exchange server is read, and whether that right goes further.

Exchange tells nobody whom they may impersonate, but its admins in their own shell. So how far it goes is seen only by
trying, and what is tried is the one mailbox that the admin names: nobody else's is touched.
"""

from __future__ import annotations

from connectors.base import Grant
from connectors.ews_client import Client
from connectors.ews_errors import Denied
from connectors.ews_settings import Settings
from syncd.errors import Permanent

_SCOPE = (
    'Exchange Management Shell: New-ManagementScope -Name "syncd mailboxes" -RecipientRestrictionFilter '
    "\"MemberOfGroup -eq 'DISTINGUISHED-NAME-OF-A-GROUP'\""
)


def grant(settings: Settings, client: Client) -> Grant:
    """Raises the SyncErrors where the server cannot be asked at all."""
    acts_for, other = settings.acts_for, settings.unreachable
    by = f"{settings.signs_in}, by {acts_for}" if acts_for else settings.signs_in
    if not acts_for or (acts_for == "delegation" and not other):
        return Grant(by=by, permissions=())
    if not other:
        words = f"whether {settings.signs_in} can read every mailbox of the organisation, Exchange does not tell"
        cure = f"name one that it must not reach as `unreachable`, and this is tried; to limit it: {narrower(settings)}"
        return Grant(by=by, permissions=(), warnings=((words, cure),))
    try:
        client.open_other(other)
    except Denied:
        return Grant(by=f"{by}, which does not open {other}", permissions=())
    except Permanent as error:
        cure = f"name as `unreachable` a mailbox on this server that {settings.signs_in} must not read"
        return Grant(by=by, permissions=(), warnings=((f"{other} could not be tried: {error}", cure),))
    words = f"{settings.signs_in} can read {other}, too, which it must not"
    return Grant(by=by, permissions=(), warnings=((words, narrower(settings)),))


def narrower(settings: Settings) -> str:
    """What to type, that no more is opened than is read."""
    if settings.acts_for == "delegation":
        user = f"{settings.unreachable} -User {settings.signs_in}"
        return (
            f"Exchange Management Shell: Get-MailboxPermission {user}, and Remove-MailboxPermission {user} "
            "-AccessRights FullAccess; what is inherited is taken away at its database (docs/exchange.md)"
        )
    return (
        f"{_SCOPE}; New-ManagementRoleAssignment -Name syncd -Role ApplicationImpersonation -User {settings.signs_in} "
        '-CustomRecipientWriteScope "syncd mailboxes"; and, since assignments add up, Remove-ManagementRoleAssignment '
        "for each that Get-ManagementRoleAssignment -Role ApplicationImpersonation -GetEffectiveUsers shows beside it "
        "(docs/exchange.md)"
    )
