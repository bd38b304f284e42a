"""What the tables do by themselves.

What the CRM writes into the directory, it writes without keys: a changed address or domain loses the key it had. And
what is written in the trail stays there. And whoever changes the directory, it is noted what that concerns.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

# (table, what the CRM writes, what it means, the rest of the primary key)
KEYED = (
    ("contact_address", "address", "address_key", "contact_id"),
    ("user_address", "address", "address_key", "user_id"),
    ("account_domain", "domain", "domain_key", "account_id"),
)

_SQLITE = """
CREATE TRIGGER {table}_rekey AFTER UPDATE OF {written} ON {table}
WHEN NEW.{written} <> OLD.{written}
BEGIN
    UPDATE {table} SET {key} = NULL WHERE {holder} = NEW.{holder} AND {written} = NEW.{written};
END
"""

_POSTGRESQL_FUNCTION = """
CREATE FUNCTION {table}_rekey() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{key} = NULL;
    RETURN NEW;
END $$
"""

_POSTGRESQL = """
CREATE TRIGGER {table}_rekey BEFORE UPDATE OF {written} ON {table} FOR EACH ROW
WHEN (NEW.{written} <> OLD.{written}) EXECUTE FUNCTION {table}_rekey()
"""


def create(connection: Connection) -> None:
    statements = (_SQLITE,) if connection.dialect.name == "sqlite" else (_POSTGRESQL_FUNCTION, _POSTGRESQL)
    for table, written, key, holder in KEYED:
        for statement in statements:
            connection.execute(text(statement.format(table=table, written=written, key=key, holder=holder)))


_SQLITE_KEEP = """
CREATE TRIGGER trail_{event} BEFORE {event} ON trail
BEGIN
    SELECT RAISE(ABORT, 'the trail is only ever added to');
END
"""

_POSTGRESQL_KEEP = (
    """
CREATE FUNCTION trail_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the trail is only ever added to';
END $$
""",
    "CREATE TRIGGER trail_kept BEFORE UPDATE OR DELETE ON trail FOR EACH ROW EXECUTE FUNCTION trail_kept()",
)


def keep_trail(connection: Connection) -> None:
    """A slip of the hand is refused. Who owns the tables can do worse, and that the hashes show."""
    on_sqlite = [_SQLITE_KEEP.format(event=event) for event in ("UPDATE", "DELETE")]
    for statement in on_sqlite if connection.dialect.name == "sqlite" else _POSTGRESQL_KEEP:
        connection.execute(text(statement))


# (table, what it concerns, the column that names that, the columns whose change counts; whether a new or removed row
# counts as well: a new contact says nothing before it has an address, and what an old one had goes with it)
_FOLLOWED = (
    ("contact_address", "address", "address", ("address", "contact_id"), True),
    ("user_address", "address", "address", ("address",), True),
    ("account_domain", "domain", "domain", ("domain", "account_id"), True),
    ("contact", "contact", "id", ("account_id",), False),
    ("opportunity", "opportunity", "id", ("account_id", "opened_at", "closed_at"), True),
    ("opportunity_contact", "opportunity", "opportunity_id", ("opportunity_id", "contact_id"), True),
)

_SQLITE_FOLLOW = """
CREATE TRIGGER {table}_follow_{event} AFTER {event} {of} ON {table} {when}
BEGIN
    {notes}
END
"""
_SQLITE_NOTE = "INSERT INTO directory_change VALUES (lower(hex(randomblob(16))), '{kind}', {row}.{column});"

# As the owner of the tables: who may write the directory need not be let into the rest. The schema is named, since
# whoever calls a function may have put another table of that name before it.
_POSTGRESQL_FOLLOW = """
CREATE FUNCTION directory_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO directory_change VALUES (gen_random_uuid()::text, TG_ARGV[0], to_jsonb(OLD) ->> TG_ARGV[1]);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO directory_change VALUES (gen_random_uuid()::text, TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[1]);
    END IF;
    RETURN NULL;
END $$
"""
_POSTGRESQL_FOLLOWED = """
CREATE TRIGGER {table}_follow AFTER {events} ON {table} FOR EACH ROW EXECUTE FUNCTION directory_follow({kind}, {column})
"""


def follow_directory(connection: Connection) -> None:
    make = _follow_on_sqlite if connection.dialect.name == "sqlite" else _follow_on_postgresql
    for statement in make(connection):
        connection.execute(text(statement))


def _follow_on_sqlite(connection: Connection) -> Iterator[str]:
    for table, kind, column, counted, whole in _FOLLOWED:
        old, new = (_SQLITE_NOTE.format(kind=kind, row=row, column=column) for row in ("OLD", "NEW"))
        changed = " OR ".join(f"OLD.{each} IS NOT NEW.{each}" for each in counted)
        events = [("UPDATE", f"OF {', '.join(counted)}", f"WHEN {changed}", f"{old} {new}")]
        if whole:
            events += [("INSERT", "", "", new), ("DELETE", "", "", old)]
        for event, of, when, notes in events:
            yield _SQLITE_FOLLOW.format(table=table, event=event, of=of, when=when, notes=notes)


def _follow_on_postgresql(connection: Connection) -> Iterator[str]:
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    yield _POSTGRESQL_FOLLOW.format(schema=schema)
    for table, kind, column, counted, whole in _FOLLOWED:
        events = f"UPDATE OF {', '.join(counted)}" + (" OR INSERT OR DELETE" if whole else "")
        yield _POSTGRESQL_FOLLOWED.format(table=table, events=events, kind=f"'{kind}'", column=f"'{column}'")
