"""What must be true after each step, whatever fails."""

from __future__ import annotations

from tests.simulation import mailing
from tests.simulation.world import MASS, World


class Wrong(AssertionError):
    """The store is not what it ought to be."""


def check(world: World) -> None:
    """Raises Wrong."""
    twice = "SELECT occurred_at FROM activity WHERE kind = 'email' GROUP BY occurred_at HAVING count(*) > 1"
    if doubled := world.rows(twice):
        raise Wrong(f"the mail of {doubled[0][0]} is two activities")
    for rep, folder in mailing.PLACES:
        lies = world.lines[rep].lies.get(folder, 0)
        if lies and folder not in world.lines[rep].believed:
            _not_swept(world, rep, folder, lies)


def _not_swept(world: World, rep: str, folder: str, lies: int) -> None:
    """A listing that is not whole takes away no more than a few."""
    query = "SELECT item FROM sighting WHERE stream_id = :id AND gone_at IS NOT NULL"
    gone = {item for (item,) in world.rows(query, id=world.stream_ids[rep, folder])}
    place = world.folders[rep, folder]
    held = {place.item(mailing.uid_of(world, mail, copy)) for mail, copy in world.truth.held(rep, folder)}
    if len(gone & held) > MASS * lies:
        raise Wrong(f"{len(gone & held)} mails in {rep}/{folder} were taken for removed after {lies} partial listings")
