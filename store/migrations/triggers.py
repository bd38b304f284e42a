"""What the tables do by themselves.

What the CRM writes into the directory, it writes without keys: a changed address or domain loses the key it had. And
what is written in the trail stays there.
"""

from __future__ import annotations

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
