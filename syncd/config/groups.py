"""One registration for many mailboxes: `users = [...]`, or all users of a `domain`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connectors import KINDS
from matching.address import domain_key
from syncd.config.fields import is_address
from syncd.config.values import Config, Mailbox

Table = dict[str, object]

KEYS = frozenset({"users", "domain"})


def split(entry: Table) -> tuple[Table, tuple[str, ...], str]:
    """The entry as that of one mailbox that stands for all, the users that it lists, and the domain that it names.

    Raises ValueError with the words for the admin. Of an entry of one mailbox both are empty.
    """
    if not KEYS & entry.keys():
        return entry, (), ""
    users, domain = entry.get("users", []), entry.get("domain", "")
    rest = {name: value for name, value in entry.items() if name not in KEYS}
    kind = KINDS.get(str(entry.get("kind")))
    if kind is not None and not kind.opens_many:
        raise ValueError(f'users and domain are for kinds of which one secret opens many, not for "{entry["kind"]}"')
    if entry.keys() >= KEYS:
        raise ValueError("users and domain are two ways to say the same; leave one of them out")
    if "owner" in entry:
        raise ValueError("owner: does not belong here; each of the users owns a mailbox")
    if "users" in entry:
        return {**rest, **_first(users, entry)}, tuple(users), ""  # type: ignore[arg-type]
    if not isinstance(domain, str) or "." not in domain_key(domain):
        raise ValueError('domain must be a domain, such as "example.com"')
    if kind is not None and not kind.members:
        raise ValueError(f'domain: a "{entry["kind"]}" cannot be asked for its users; list them as users = [...]')
    return {**rest, "owner": rest.get("user", "")}, (), domain


def _first(users: object, entry: Table) -> Table:
    if (
        not isinstance(users, list)
        or not users
        or not all(isinstance(user, str) and is_address(user) for user in users)
    ):
        raise ValueError('users must be a list of addresses, such as ["anna@example.com", "ben@example.com"]')
    if "user" in entry:
        raise ValueError("user: does not belong here; each of the users has a mailbox")
    if len({user.casefold() for user in users}) < len(users):
        raise ValueError("users names somebody twice")
    return {"owner": users[0], "user": users[0]}


def members(template: Mailbox, users: Iterable[str]) -> list[Mailbox]:
    """A mailbox for each user, `NAME/anna@example.com`, with everything else as the registration says."""
    return [
        replace(
            template,
            name=f"{template.name}/{user}",
            owner=user,
            settings=replace(template.settings, user=user),  # type: ignore[type-var]
        )
        for user in users
    ]


def completed(config: Config, found: Mapping[str, Sequence[str]]) -> Config:
    """With the users that were found of each domain (by the name of its registration).

    Who has a registration of their own keeps it: that is where their aliases and own list are.
    """
    prefixes = tuple(f"{group.template.name}/" for group in config.groups)
    own = [mailbox for mailbox in config.mailboxes if not mailbox.name.startswith(prefixes)]
    registered = {str(getattr(mailbox.settings, "user", "")).casefold() for mailbox in own}
    more: list[Mailbox] = []
    for group in config.groups:
        users = [user for user in found.get(group.template.name, ()) if user.casefold() not in registered]
        registered |= {user.casefold() for user in users}
        more += members(group.template, users)
    return replace(config, mailboxes=(*own, *more))
