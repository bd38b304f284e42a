"""What a changed directory makes of the links of a stored activity: what a rule made is made anew, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncd.model import Link, LinkState

Stored = Mapping[tuple[str, str], tuple[str, str, str]]
"""(entity kind, entity id) -> (origin, state, reason)"""


def changes(wanted: Iterable[Link], stored: Stored) -> tuple[tuple[Link, ...], tuple[tuple[str, str], ...]]:
    """The links to be written, and the places of those to be taken away.

    What a person linked or unlinked stays. Of several deals that come into question, the one that a rule had settled on
    (it was the only open one, or earlier in the thread) stays settled.
    """
    made: list[Link] = []
    kept: set[tuple[str, str]] = set()
    for link in wanted:
        place = (link.entity_kind, link.entity_id)
        origin, state, reason = stored.get(place, ("", "", ""))
        kept.add(place)
        settled = link.state is LinkState.CANDIDATE and state == LinkState.LINKED
        if origin == "person" or settled or (state, reason) == (link.state, link.reason):
            continue
        made.append(link)
    gone = [place for place, (origin, *_) in stored.items() if origin == "rule" and place not in kept]
    return tuple(made), tuple(sorted(gone))
