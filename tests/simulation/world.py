"""A real store in memory, mailboxes and calendars around it, a clock of its own, and the truth about all of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unittest.mock import patch

from sqlalchemy import text

from connectors import KINDS, Kind
from connectors.base import Stream
from matching import address
from store import retention
from store.engine import write
from store.writer import Store, open_store
from syncd import late, replay, sync
from syncd.errors import SyncError
from syncd.model import Level, Policy
from tests.commits import watch_writes
from tests.simulation.cast import BEGINNING, DOMAINS, KEY, MAIL, OWN_DOMAIN, REPS, own
from tests.simulation.databases import Database, in_memory
from tests.simulation.errands import Errand
from tests.simulation.meetings import Meetings
from tests.simulation.servers import Line, LinedFolder, MailStream, MeetingStream
from tests.simulation.story import Step
from tests.simulation.truth import Truth
from tests.syncd.calendars import Calendar
from tests.syncd.mailboxes import Killed

MASS = 2
"""Removals at once that need a second listing, in worlds as small as these."""

MOST_DEATHS = 3
"""In a row. More would be taken for the fault of an item, as they should."""

Place = tuple[str, str]
"""A rep, and a folder or `Calendar`."""


@dataclass
class World:
    store: Store
    database: Database
    clock: datetime = BEGINNING
    latest: datetime = BEGINNING
    """However often the clock was set back."""
    truth: Truth = field(default_factory=Truth)
    meetings: Meetings = field(default_factory=Meetings)
    errands: list[Errand] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    folders: dict[Place, LinedFolder] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    stream_ids: dict[Place, int] = field(default_factory=dict)
    rewound: set[Place] = field(default_factory=set)
    """Folders in which a mail came with a UID below the others: where one comes so and another leaves, nobody tells."""
    busy: set[str] = field(default_factory=set)
    """Whose pass, or replay, is going on."""
    deaths: dict[str, int] = field(default_factory=dict)
    die_at: int | None = None
    points: int = 0
    """Beginnings and commits of writes so far."""
    told: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    """How often each kind of thing happened."""

    def __post_init__(self) -> None:
        watch_writes(self.store.engine, self._point)
        for rep in REPS:
            self.lines[rep] = Line(order=random.Random(len(self.lines)))
            self.calendars[rep] = Calendar()
            for folder in MAIL.get(rep, ()):
                self.folders[rep, folder] = LinedFolder(epoch=50, line=self.lines[rep])
        self._register()
        for person in ("zoe@client.example", "carl@client.example"):
            self.know(person, "client")
        self.catch_up()
        self.truth.note()

    def _register(self) -> None:
        places = [(rep, folder) for rep in REPS for folder in (*MAIL.get(rep, ()), "Calendar")]
        self.stream_ids = {place: number for number, place in enumerate(places, 1)}
        with write(self.store.engine) as connection:
            for number, rep in enumerate(REPS, 1):
                values = {"id": number, "name": rep, "owner": own(rep)}
                connection.execute(text("INSERT INTO mailbox (id, name, owner) VALUES (:id, :name, :owner)"), values)
            for (rep, name), own_id in self.stream_ids.items():
                row = {"id": own_id, "box": REPS.index(rep) + 1, "name": name}
                row["kind"] = "calendar" if name == "Calendar" else "mail"
                columns = "INSERT INTO stream (id, mailbox_id, name, kind) VALUES (:id, :box, :name, :kind)"
                connection.execute(text(columns), row)
            for account in DOMAINS:
                connection.execute(text("INSERT INTO account (id, name) VALUES (:id, :id)"), {"id": account})

    # -------------------------------------------------------------------------------------------------- the clock

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        self.latest = max(self.latest, self.clock)
        return self.clock

    # ----------------------------------------------------------------------------------------------- how it dies

    def _point(self, point: str) -> None:
        self.points += 1
        if self.die_at is None:
            return
        self.die_at -= 1
        if self.die_at < 0:
            self.die_at = None
            raise Killed

    def mortal(self, step: Step, work: Callable[[], object]) -> bool:
        """Do the work in a process that dies where the step says; whether it came to its end."""
        # A process dies with all that goes on in it: what is going on around this one dies too, by the same exception.
        outer, self.die_at = self.die_at, step.die_at
        try:
            work()
        except SyncError as error:
            self.count(f"failed: {type(error).__name__}")
            return False
        except Killed:
            self.store.close()  # whoever goes on is another process
            self.count("killed")
            return False
        finally:
            self.die_at = outer
        return True

    # ------------------------------------------------------------------------------------------- what is there

    def streams(self, rep: str) -> list[tuple[int, Stream]]:
        line = self.lines[rep]
        found: list[Stream] = [
            MailStream(self.folders[rep, name], chunk=2, name=name, line=line) for name in MAIL.get(rep, ())
        ]
        found.append(MeetingStream(self.calendars[rep], line, lambda: self.clock))
        return [(self.stream_ids[rep, stream.name], stream) for stream in found]

    def policy(self, rep: str = "") -> Policy:
        rules = self.truth.rules
        folder = () if rules.deals_level is None else (("Deals", Level(rules.deals_level)),)
        return Policy(
            own_domains=frozenset({OWN_DOMAIN}),
            owner_addresses=frozenset({own(rep)}) if rep else frozenset(),
            never_log=tuple(sorted(rules.never_log)),
            never_log_personal=tuple(sorted(rules.personal.get(rep, ()))),
            level=Level(rules.levels.get(rep, Level.FULL)),
            folder_levels=folder,
            protected=tuple(sorted(rules.protected)),
            key=KEY,
        )

    def bytes(self) -> bytes:
        """All that the store holds of whatever was ever written, once it is scrubbed."""
        return self.database.held(self.store)

    def execute(self, statement: str, **values: object) -> None:
        with write(self.store.engine) as connection:
            connection.execute(text(statement), values)

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        with self.store.engine.connect() as connection:
            connection.execution_options(reads=True)
            return [tuple(row) for row in connection.execute(text(query), values)]

    # --------------------------------------------------------------------------------------------- the directory

    def know(self, person: str, account: str) -> None:
        """As a CRM writes it: without a key."""
        self.count("contacts")
        contact = f"k{self.counted['contacts']}"
        insert = "INSERT INTO contact (id, account_id) VALUES (:id, :account)"
        self.execute(insert, id=contact, account=account or None)
        insert = "INSERT INTO contact_address (contact_id, address) VALUES (:id, :mail)"
        self.execute(insert, id=contact, mail=person)
        self.truth.fresh = True
        self.truth.known.contacts[contact] = account
        self.truth.known.addresses[contact] = {person}

    def catch_up(self) -> None:
        """As the daemon does each minute."""
        from store.directory_keys import rekey

        rekey(self.store.engine, address.key, address.domain_key)
        late.catch_up(self.store, self.policy(), self.now())
        self.truth.fresh = False

    # ------------------------------------------------------------------------------------------- what is told

    def tell(self, line: str) -> None:
        self.told.append(f"{'  ' * len(self.busy)}{line}")

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1


@contextmanager
def world(database: Database | None = None) -> Iterator[World]:
    """A new one, in which the limits of large mailboxes are met by small ones; in memory, if nothing else is said."""
    with ExitStack() as small:
        for module, name, value in (
            *((sync, "MASS", MASS), (sync, "READ_AT_ONCE", 2), (sync, "CATCH_UP_AT_ONCE", 2)),
            *((late, "AT_ONCE", 3), (late, "RELINKED_AT_ONCE", 2), (replay, "AT_ONCE", 2), (retention, "AT_ONCE", 2)),
        ):
            small.enter_context(patch.object(module, name, value))
        small.enter_context(patch.dict(KINDS, simulated=Kind("tests.simulation.servers", "tests.simulation.servers")))
        here = database or small.enter_context(in_memory())
        here.empty()
        store = open_store(here.url, KEY)
        small.callback(store.close)
        yield World(store, here)
