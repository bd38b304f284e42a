"""The one connection of an account, and the commands that a pass needs. Nothing here can change a mailbox:
EXAMINE and never SELECT, BODY.PEEK and never BODY."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from connectors.imap_connect import Connection, connect
from connectors.imap_folders import Folder, discovered
from connectors.imap_parking import Parking
from connectors.imap_place import State, examined, found, statuses, uid_set
from connectors.imap_settings import Settings
from connectors.imap_suspects import Suspicion
from connectors.imap_wire import Answer, Command, imap_arg
from syncd.errors import Permanent, Retryable, SyncError

PIPELINED = 200
"""Commands written before their answers are read; more could block both sides, each waiting for the other to read."""


class Session:
    """A signed-in connection, and the folder that is selected in it."""

    def __init__(self, connection: Connection) -> None:
        self.wire = connection.wire
        self.capabilities = connection.capabilities
        self._selected: tuple[str, State] | None = None

    @property
    def gmail(self) -> bool:
        return b"X-GM-EXT-1" in self.capabilities

    def folders(self, settings: Settings) -> tuple[Folder, ...]:
        """Raises Retryable rather than say that an account has none, Permanent if none is what the admin asked for."""
        extended = {b"LIST-EXTENDED", b"SPECIAL-USE"} <= self.capabilities
        # Some servers tell a folder's use only to those who ask (RFC 6154 section 2).
        command = b'LIST "" "*" RETURN (SPECIAL-USE)' if extended else b'LIST "" "*"'
        folders = discovered(self.wire.run(Command(command, "listing the folders")), settings, gmail=self.gmail)
        if not folders:
            cure = "nothing, if it passes; else check `user` of the mailbox"
            raise Retryable(f"{self.wire.host} lists no folder that could be read", cure=cure)
        if settings.include and all(folder.excluded for folder in folders):
            names = ", ".join(folder.name for folder in folders[:20])
            cure = "write the names of folders that exist as `include` of the mailbox, or leave it out"
            raise Permanent(f"{self.wire.host} has none of the folders to read; it has {names}", cure=cure)
        return folders

    def states(self, folders: Sequence[Folder]) -> dict[str, State | None]:
        """The state of many folders in one round trip; None where the server would not say."""
        states: dict[str, State | None] = {}
        selected = self._leave()
        for start in range(0, len(folders), PIPELINED):
            # STATUS of the selected folder is forbidden (RFC 3501 6.3.10).
            some = [folder for folder in folders[start : start + PIPELINED] if folder.name != selected]
            answers = self.wire.send([_status_command(folder) for folder in some])
            told = statuses(response for answer in answers for response in answer)
            states.update((folder.name, told.get(folder.raw)) for folder in some)
        return states

    def _leave(self) -> str | None:
        """Unselect; the folder that stays selected where the server has no UNSELECT (RFC 3691)."""
        if self._selected is None:
            return None
        if b"UNSELECT" not in self.capabilities:
            return self._selected[0]
        self._selected = None
        self.wire.send([Command(b"UNSELECT", "leaving a folder")])
        return None

    def examine(self, folder: Folder, *commands: Command) -> tuple[State, list[Answer]]:
        """Select read-only and write `commands` in one go, so that all cost one round trip."""
        self._selected = None
        opening = Command(b"EXAMINE " + imap_arg(folder.raw), f"opening folder {folder.name}")
        examine, *answers = self.wire.send([opening, *commands])
        try:
            state = examined(examine.complete())
        except SyncError:
            # What follows has no folder to work on; its refusals say nothing more, and neither does their absence.
            with suppress(SyncError):
                for answer in answers:
                    answer.settle()
            raise
        self._selected = (folder.name, state)
        return state, answers

    def selected(self, folder: Folder) -> State:
        """The state of the folder when it was selected, which happens now if it is not."""
        if self._selected is not None and self._selected[0] == folder.name:
            return self._selected[1]
        return self.examine(folder)[0]

    def search(self, criterion: bytes) -> list[int]:
        return found(self.wire.run(search_command(criterion)))


def search_command(criterion: bytes) -> Command:
    return Command(b"UID SEARCH " + criterion, "listing messages", b"SEARCH")


def fetch_command(uids: Sequence[int], items: bytes) -> Command:
    return Command(b"UID FETCH %b %b" % (uid_set(uids), items), "reading messages", b"FETCH", frozenset(uids))


def _status_command(folder: Folder) -> Command:
    wanted = b"STATUS %b (UIDVALIDITY UIDNEXT MESSAGES)" % imap_arg(folder.raw)
    return Command(wanted, "asking for news", b"STATUS")


class Sessions:
    """Keeps an account's connection between passes, and opens another when that has died or has idled too long."""

    def __init__(
        self, settings: Settings, secret: Callable[[], str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._session: Session | None = None
        self.parking = Parking(clock)
        self._suspicions: dict[str, tuple[int, Suspicion]] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that has not failed yet."""
        return self._session is not None and not self._session.wire.closed

    def current(self) -> Session:
        session = self._session
        if session is not None and self._clock() - session.wire.used_at > self._settings.keep_alive:
            self.close()
        if self._session is None or self._session.wire.closed:
            self._session = Session(connect(self._settings, self._secret))
        return self._session

    def suspicion(self, folder: str, validity: int) -> Suspicion:
        """What is held against messages of the folder; with other ids it is forgotten."""
        known, suspicion = self._suspicions.get(folder, (validity, None))
        if suspicion is None or known != validity:
            suspicion = Suspicion()
            self._suspicions[folder] = (validity, suspicion)
        return suspicion

    def close(self) -> None:
        if self._session is not None:
            self._session.wire.log_out()
            self._session = None
