"""For whom a question is answered: from the name that is given to the circle of people that is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from matching import address
from store.queries import viewers
from store.queries.viewers import Circle, Colleague, Viewer
from store.writer import Store
from syncd.config import Config, Mailbox
from syncd.config.fields import addresses


class UnknownViewer(LookupError):
    """Nobody, or not one alone, is known by that name. The message is for a person."""


def viewer(config: Config, store: Store, words: str) -> Viewer:
    """The colleague of this id, name or address: a user of the directory, or an owner or member of a mailbox.

    Raises UnknownViewer; it never falls back to who sees more.
    """
    key = address.key(words)
    found = viewers.colleagues(store.engine, words, key)
    if len(found) > 1:
        raise UnknownViewer(f"several of your own are known as {words!r}; say which by the id in the directory")
    if not found and not (key and any(key in _people(box) for box in config.mailboxes)):
        raise UnknownViewer(f"none of your own is known as {words!r}: no user, and no owner or member of a mailbox")
    one = found[0] if found else nameless(words)
    own = circle(config, store, (one,))
    match config.organisation.visibility:
        case "everyone":
            return Viewer(own, None)
        case "team":
            return Viewer(own, circle(config, store, viewers.team_of(store.engine, one)))
        case "participants":
            return Viewer(own, own)


def nameless(written: str) -> Colleague:
    """Of whom only an address of the configuration is known."""
    return Colleague("", "", frozenset({written}))


def circle(config: Config, store: Store, people: Sequence[Colleague]) -> Circle:
    """They, with the aliases and mailboxes that only the configuration knows."""
    own = {key for one in people for key in map(address.key, one.addresses)} - {""}
    alone = [box for box in config.mailboxes if address.key(box.owner) in own]
    everywhere = own | {key for box in alone for key in addresses(box.aliases)}
    shared = {box.name for box in config.mailboxes if everywhere & _people(box)}
    owners = viewers.owners(store.engine)
    owned = {name for name, owner in owners.items() if address.key(owner) in everywhere}
    written = {each.lower() for one in people for each in (one.id, *one.addresses)} - {""}
    return Circle(frozenset(everywhere), frozenset(written | everywhere), frozenset(shared | owned))


def _people(box: Mailbox) -> frozenset[str]:
    """Those who may open it: not what a shared mailbox is called on the server, which may be anybody's."""
    return addresses((box.owner, *box.aliases, *box.members))
