"""The contract with everybody outside: the `v1_` views, in SQL that SQLite and PostgreSQL both understand.

A column is never removed, renamed or given another meaning; new ones go to the end. docs/STORE.md documents each.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

# Where the two differ. Days are those of UTC, whatever time zone the reader's session has.
_WORDS = {
    "sqlite": {
        "day": "date({})",
        "seconds_since": "CAST(strftime('%s', 'now') - strftime('%s', {}) AS INTEGER)",
    },
    "postgresql": {
        "day": "date({} AT TIME ZONE 'UTC')",
        "seconds_since": "CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP - {}) AS BIGINT)",
    },
}

_ACTIVITY = """
SELECT a.public_id AS id, a.kind, a.occurred_at, a.ended_at, a.all_day, a.zone, a.subject, a.text, a.direction,
    a.status, CASE a.level WHEN -1 THEN 'private' WHEN 0 THEN 'metadata' WHEN 1 THEN 'subject' ELSE 'full' END AS level,
    root.public_id AS thread_id, a.source, a.created_at, a.updated_at, a.message_id, a.author, a.problem, a.location,
    a.rescheduled, a.rescheduled_from
FROM activity a LEFT JOIN activity root ON root.id = a.thread_id
"""

# An address that several contacts hold names none of them; v1_activity_link has them all.
_PARTICIPANT = """
SELECT a.public_id AS activity_id, p.address, p.name, p.role, p.response,
    (SELECT CASE WHEN COUNT(DISTINCT held.contact_id) = 1 THEN MIN(held.contact_id) END
        FROM contact_address held WHERE held.address_key = p.address_key AND p.address_key <> '') AS contact_id,
    (SELECT CASE WHEN COUNT(DISTINCT held.user_id) = 1 THEN MIN(held.user_id) END
        FROM user_address held WHERE held.address_key = p.address_key AND p.address_key <> '') AS user_id
FROM participant p JOIN activity a ON a.id = p.activity_id
"""

_ATTACHMENT = """
SELECT a.public_id AS activity_id, f.position, f.name, f.content_type, f.size
FROM attachment f JOIN activity a ON a.id = f.activity_id
"""

_LINK = """
SELECT a.public_id AS activity_id, l.entity_kind, l.entity_id, l.reason, l.origin, l.state
FROM link l JOIN activity a ON a.id = l.activity_id
"""

# `way` is who spoke to whom between us and this contact or account: NULL where another outsider wrote and this one
# only got a copy. A turn, a message that goes the other way than the one before it in the thread, is what makes mail
# two-way: five letters without an answer are none, and neither is what follows the answer without another.
# Windows rather than GROUP BY: SQLite hands a condition on one contact down through PARTITION BY, so that it reads that
# contact's rows only.
_TOUCH = """
WITH touch AS (
    SELECT known.id AS entity_id, a.id, a.kind, a.occurred_at, a.ended_at, a.status, a.thread_id,
        CASE WHEN a.direction = 'outbound' OR a.kind <> 'email' OR l.origin = 'person' OR EXISTS (
            SELECT 1 FROM participant p WHERE p.activity_id = a.id AND p.role IN ('from', 'sender', 'reply_to')
            AND {theirs}
        ) THEN a.direction END AS way
    FROM {entity} known
    LEFT JOIN link l ON l.entity_kind = '{entity}' AND l.entity_id = known.id AND l.state = 'linked'
    LEFT JOIN activity a ON a.id = l.activity_id AND a.kind IN ('email', 'call', 'meeting')
        AND a.status NOT IN ('cancelled', 'declined', 'no_show') AND (NOT EXISTS (
            SELECT 1 FROM participant p WHERE p.activity_id = a.id AND p.response = 'declined' AND {theirs}
        ) OR EXISTS (
            SELECT 1 FROM participant p WHERE p.activity_id = a.id AND p.response <> 'declined' AND {theirs}
        ))
), turn AS (
    SELECT touch.*, occurred_at <= CURRENT_TIMESTAMP AND status <> 'planned' AS past,
        LAG(way) OVER (PARTITION BY entity_id, thread_id, kind, way IS NULL ORDER BY occurred_at, id) AS way_before
    FROM touch
)
SELECT DISTINCT entity_id AS {entity}_id,
    MIN(CASE WHEN past THEN occurred_at END) OVER one AS first_at,
    MAX(CASE WHEN past THEN occurred_at END) OVER one AS last_at,
    MAX(CASE WHEN past AND way = 'inbound' THEN occurred_at END) OVER one AS last_inbound_at,
    MAX(CASE WHEN past AND way = 'outbound' THEN occurred_at END) OVER one AS last_outbound_at,
    MAX(CASE WHEN past AND CASE kind WHEN 'email' THEN way <> way_before
        ELSE status NOT IN ('no_answer', 'left_message', 'voicemail', 'busy', 'missed') END
        THEN occurred_at END) OVER one AS last_two_way_at,
    MIN(CASE WHEN kind <> 'email' AND COALESCE(ended_at, occurred_at) > CURRENT_TIMESTAMP
        THEN occurred_at END) OVER one AS next_planned_at,
    COUNT(CASE WHEN past THEN 1 END) OVER one AS activities
FROM turn WINDOW one AS (PARTITION BY entity_id)
"""

_OF_CONTACT = """EXISTS (SELECT 1 FROM contact_address held
                WHERE held.address_key = p.address_key AND held.contact_id = known.id)"""

_OF_ACCOUNT = """(EXISTS (SELECT 1 FROM contact_address held JOIN contact ON contact.id = held.contact_id
                WHERE held.address_key = p.address_key AND contact.account_id = known.id)
            OR EXISTS (SELECT 1 FROM account_domain d WHERE d.account_id = known.id AND (
                p.address_key LIKE '%@' || d.domain_key OR p.address_key LIKE '%.' || d.domain_key)))"""

# Who is credited: outbound, who wrote; inbound, the users it was addressed to, else the owners of the mailboxes that
# saw it (a list, a bcc); a meeting, the users in it; an entry made by hand, who made it.
_USER_ACTIVITY = """
WITH credit AS (
    SELECT a.id, u.user_id FROM activity a
    JOIN participant p ON p.activity_id = a.id
    JOIN user_address u ON u.address_key = p.address_key AND p.address_key <> ''
    WHERE CASE WHEN a.direction = 'outbound' THEN p.role IN ('from', 'sender')
        WHEN a.direction = 'inbound' THEN p.role IN ('to', 'cc', 'bcc')
        ELSE p.role IN ('organizer', 'attendee') AND p.response <> 'declined' END
    UNION
    SELECT a.id, u.user_id FROM activity a
    JOIN user_address u ON LOWER(u.address) = LOWER(a.author) OR u.user_id = a.author
    WHERE a.author <> ''
    UNION
    SELECT a.id, u.user_id FROM activity a
    JOIN sighting s ON s.activity_id = a.id
    JOIN stream ON stream.id = s.stream_id
    JOIN mailbox m ON m.id = stream.mailbox_id
    JOIN user_address u ON LOWER(u.address) = LOWER(m.owner)
    WHERE a.direction = 'inbound' AND NOT EXISTS (
        SELECT 1 FROM participant p JOIN user_address known ON known.address_key = p.address_key
        WHERE p.activity_id = a.id AND p.role IN ('to', 'cc', 'bcc') AND p.address_key <> '')
)
SELECT credit.user_id, {day:a.occurred_at} AS day, a.kind, a.direction, COUNT(*) AS activities
FROM credit JOIN activity a ON a.id = credit.id
WHERE a.occurred_at <= CURRENT_TIMESTAMP AND a.status NOT IN ('planned', 'cancelled', 'declined', 'no_show')
GROUP BY credit.user_id, {day:a.occurred_at}, a.kind, a.direction
"""

# What stops the whole mailbox stops each of its streams. A mailbox shows the worst of its streams as its own state too,
# so only one that has failures of its own, or whose streams are all well, is stopped as a whole.
_MAILBOX_HEALTH = """
SELECT m.name AS mailbox, s.name AS stream, s.kind,
    CASE WHEN s.excluded <> '' THEN 'excluded' WHEN s.id IS NULL OR m.stopped THEN m.state ELSE s.state END AS state,
    s.last_success_at, {seconds_since:s.last_success_at} AS lag,
    COALESCE(n.seen, 0) AS seen, COALESCE(n.logged, 0) AS logged, COALESCE(n.skipped, 0) AS skipped,
    COALESCE(n.pending, 0) AS pending, COALESCE(n.quarantined, 0) AS quarantined,
    CASE WHEN s.excluded <> '' THEN '' WHEN s.id IS NULL OR m.stopped THEN m.error ELSE s.error END AS error,
    CASE WHEN s.excluded <> '' THEN '' WHEN s.id IS NULL OR m.stopped THEN m.cure ELSE s.cure END AS cure,
    COALESCE(s.excluded, '') AS excluded, m.owner, m.state AS mailbox_state, m.next_run_at,
    s.reconciled_at AS audited_at, s.held, COALESCE(s.missing, 0) AS missing,
    COALESCE(n.texts_pending, 0) AS texts_pending
FROM (
    SELECT mailbox.*, state = 'paused' OR state IN {still} AND (failures > 0 OR NOT EXISTS (
        SELECT 1 FROM stream WHERE stream.mailbox_id = mailbox.id AND stream.state IN {still} AND stream.excluded = ''
    )) AS stopped
    FROM mailbox WHERE registered
) m LEFT JOIN stream s ON s.mailbox_id = m.id
LEFT JOIN (
    SELECT stream_id, COUNT(*) AS seen,
        COUNT(CASE verdict WHEN 'logged' THEN 1 END) AS logged,
        COUNT(CASE verdict WHEN 'skipped' THEN 1 END) AS skipped,
        COUNT(CASE verdict WHEN 'pending' THEN 1 END) AS pending,
        COUNT(CASE verdict WHEN 'quarantined' THEN 1 END) AS quarantined,
        -- What is logged and asked for again is due since long ago (store/inventory.py).
        COUNT(CASE WHEN verdict = 'logged' AND due_at < '1971-01-01 00:00:00' THEN 1 END) AS texts_pending
    FROM sighting WHERE gone_at IS NULL GROUP BY stream_id
) n ON n.stream_id = s.id
""".replace("{still}", "('throttled', 'retrying', 'reauth_needed', 'misconfigured')")

_CHANGE = """
SELECT c.sequence, c.kind, COALESCE(c.public_id, a.public_id) AS activity_id, c.changed_at
FROM change c LEFT JOIN activity a ON a.id = c.activity_id
"""

VIEWS = {
    "v1_activity": _ACTIVITY,
    "v1_activity_participant": _PARTICIPANT,
    "v1_activity_attachment": _ATTACHMENT,
    "v1_activity_link": _LINK,
    "v1_contact_touch": _TOUCH.replace("{entity}", "contact").replace("{theirs}", _OF_CONTACT),
    "v1_account_touch": _TOUCH.replace("{entity}", "account").replace("{theirs}", _OF_ACCOUNT),
    "v1_user_activity": _USER_ACTIVITY,
    "v1_mailbox_health": _MAILBOX_HEALTH,
    "v1_change": _CHANGE,
}


def definition(name: str, dialect: str) -> str:
    """The view's query as this database understands it; `{word:expression}` is one of the words that differ."""
    query = VIEWS[name].strip()
    for word, meaning in _WORDS[dialect].items():
        before, *uses = query.split(f"{{{word}:")
        query = before + "".join(meaning.format(use.split("}", 1)[0]) + use.split("}", 1)[1] for use in uses)
    return query


def drop(connection: Connection) -> None:
    for name in VIEWS:
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))


def replace(connection: Connection) -> None:
    """Make the views what they are in this version.

    PostgreSQL keeps what was granted on them, and refuses a change that is no addition; SQLite knows no grants.
    """
    create = "CREATE OR REPLACE VIEW"
    if connection.dialect.name == "sqlite":
        drop(connection)
        create = "CREATE VIEW"
    for name in VIEWS:
        connection.execute(text(f"{create} {name} AS {definition(name, connection.dialect.name)}"))
