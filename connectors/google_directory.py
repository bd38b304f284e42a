"""The users of a Workspace domain, by the Admin SDK: who has a mailbox that a service account may read."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Context
from connectors.google_api import Caller, Resource, api, pages
from connectors.google_errors import Forbidden, Missing, Owner
from connectors.google_http import Http
from connectors.google_quota import QUOTAS
from connectors.google_settings import Settings
from connectors.google_sign_in import OwnerSignIn, sign_in
from syncd.errors import Permanent, Retryable

SCOPE = "https://www.googleapis.com/auth/admin.directory.user.readonly"
_FIELDS = "nextPageToken,users(primaryEmail,suspended,archived,isMailboxSetup)"


def members(settings: Settings, context: Context, domain: str) -> Sequence[str]:
    """Asked in the name of `settings.user`, who must be an admin. Nobody at all is taken for a fault."""
    who = sign_in(context, user=settings.user, scopes=frozenset({SCOPE}), timeout=settings.timeout)
    if isinstance(who, OwnerSignIn):
        cure = "name the key of a service account as `secret`, or list the mailboxes one by one"
        raise Permanent(f"all of {domain} can be opened by a service account only", cure=cure)
    quota = QUOTAS.of(
        who.project, settings.user,
        per_user=settings.units_per_minute, per_project=settings.project_units_per_minute,
    )  # fmt: skip
    caller = Caller(Http(who, settings.timeout), quota, Owner(settings.user, context.sign_in), context.now)
    admin = api("admin", "directory_v1", "Admin SDK API", settings.endpoint)
    users = admin.collection("users")
    listed = pages(
        lambda place: caller.call(admin, users.list(domain=domain, maxResults=500, fields=_FIELDS, **place), cost=1)
    )
    try:
        found = [str(user["primaryEmail"]) for each in listed for user in each.get("users") or () if _reads_mail(user)]
    except Missing as error:
        cure = f"write a domain of the Workspace as `domain`, whose users {settings.user} may list"
        raise Permanent(f"Google knows no domain {domain}: {error}", cure=cure) from error
    except Forbidden as error:
        cure = f"write as `user` an admin of {domain} who may read users (Admin console > Account > Admin roles)"
        raise Permanent(f"{settings.user} may not list the users of {domain}: {error}", cure=cure) from error
    if not found:
        raise Retryable(f"Google names no user of {domain}", cure="check `domain` of the registration")
    return sorted(found)


def _reads_mail(user: Resource) -> bool:
    return not user.get("suspended") and not user.get("archived") and bool(user.get("isMailboxSetup", True))
