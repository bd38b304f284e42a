"""Whether the store is whole: the database itself, and what must be true of its rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

from store.engine import read

# What is wrong if there are any -> how many. Nobody but a fault, or a hand in the tables, brings these about.
_CHECKS = {
    "sightings are logged as activities that are not there": """
        SELECT COUNT(*) FROM sighting WHERE verdict = 'logged'
        AND NOT EXISTS (SELECT 1 FROM activity WHERE activity.id = sighting.activity_id)""",
    "sightings point at an activity without being logged": """
        SELECT COUNT(*) FROM sighting WHERE verdict <> 'logged' AND activity_id IS NOT NULL""",
    "activities were seen in no mailbox and logged by nobody": """
        SELECT COUNT(*) FROM activity WHERE source <> 'manual'
        AND NOT EXISTS (SELECT 1 FROM sighting WHERE sighting.activity_id = activity.id)
        -- Of a meeting that is private in the only calendar that has it, time and links stay; for good, if a person
        -- made one of them.
        AND NOT EXISTS (SELECT 1 FROM sighting WHERE sighting.key = activity.identity AND rule = 'private')
        AND NOT (source = 'calendar' AND level = -1
            AND EXISTS (SELECT 1 FROM link WHERE link.activity_id = activity.id AND origin = 'person'))""",
    "participants belong to no activity": """
        SELECT COUNT(*) FROM participant
        WHERE NOT EXISTS (SELECT 1 FROM activity WHERE activity.id = participant.activity_id)""",
    "links belong to no activity": """
        SELECT COUNT(*) FROM link WHERE NOT EXISTS (SELECT 1 FROM activity WHERE activity.id = link.activity_id)""",
    "sightings belong to no stream": """
        SELECT COUNT(*) FROM sighting WHERE NOT EXISTS (SELECT 1 FROM stream WHERE stream.id = sighting.stream_id)""",
    "activities hold more than their level allows": """
        SELECT COUNT(*) FROM activity WHERE level < 2 AND text IS NOT NULL OR level < 1 AND subject IS NOT NULL""",
    "tokens are sealed under another key than the others": """
        SELECT COUNT(*) FROM token WHERE key_id <> (SELECT MIN(key_id) FROM token)""",
}


def problems(engine: Engine) -> tuple[str, ...]:
    """Everything that is wrong, each as a line for a person."""
    with read(engine) as connection:
        return (*_of_database(connection), *_of_rows(connection))


def _of_database(connection: Connection) -> Iterator[str]:
    """PostgreSQL keeps references whole itself, and checks pages where `initdb --data-checksums` says so."""
    if connection.dialect.name != "sqlite":
        return
    for (found,) in connection.execute(text("PRAGMA integrity_check(10)")):
        if found != "ok":
            yield f"the file is damaged: {found}"
    broken = len(connection.execute(text("PRAGMA foreign_key_check")).all())
    if broken:
        yield f"{broken:,} rows refer to rows that are not there"


def _of_rows(connection: Connection) -> Iterator[str]:
    for what, query in _CHECKS.items():
        if number := connection.execute(text(query)).scalar_one():
            yield f"{number:,} {what}"
