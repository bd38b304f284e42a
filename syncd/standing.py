"""What is wrong with the mailboxes, out of what the store knows of them: the one opinion that every door shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.health import Unread
from store.inventory import Finding
from store.queries import MailboxStatus
from syncd.states import STANDS_STILL, State

_LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Trouble:
    mailbox: str
    """Its name, or `directory`."""
    stream: str
    """Empty if it is the whole mailbox's; of the directory, the part of its source."""
    state: str
    error: str
    cure: str

    @property
    def is_warning(self) -> bool:
        """Nothing has failed: somebody should look, and may find that all is well."""
        return self.state == WARNING


WARNING = "warning"


def troubles(
    found: Iterable[MailboxStatus],
    directory: Iterable[Unread],
    longest: timedelta,
    now: datetime,
    findings: Mapping[str, Iterable[Finding]],
) -> tuple[Trouble, ...]:
    """`directory` is what its source does not give. `longest` is the interval at which a quiet mailbox is looked
    at; one that was not, in two of them, is late."""
    of_directory = (Trouble("directory", part, "retrying", error, cure) for part, error, cure in directory)
    of_mailboxes = (trouble for mailbox in found for trouble in _of_mailbox(mailbox, 2 * longest + _LATE, now))
    return (*of_directory, *of_mailboxes, *_warnings(findings))


def _warnings(findings: Mapping[str, Iterable[Finding]]) -> Iterator[Trouble]:
    """What is the same of several mailboxes, as the right of an app that opens them all, is told once."""
    mailboxes: dict[Finding, list[str]] = {}
    for name, those in findings.items():
        for each in those:
            mailboxes.setdefault(each, []).append(name)
    for each, (first, *others) in mailboxes.items():
        error = (
            f"{each.error} (also of {', '.join(others[:3])}{' ...' if others[3:] else ''})" if others else each.error
        )
        yield Trouble(first, each.stream, WARNING, error, each.cure)


def _of_mailbox(mailbox: MailboxStatus, patience: timedelta, now: datetime) -> Iterator[Trouble]:
    standing = [stream for stream in mailbox.streams if stream.error and stream.error != mailbox.error]
    for stream in standing:
        yield Trouble(mailbox.name, stream.name, stream.state, stream.error, stream.cure)
    for stream in (each for each in mailbox.streams if each.missing and not each.excluded):
        error = f"of {stream.held:,} items {stream.missing:,} are on the server and could not be read"
        yield Trouble(mailbox.name, stream.name, "gap", error, f"syncd audit {mailbox.name} --json names them")
    yield from _to_be_looked_at(mailbox)
    if mailbox.state in STANDS_STILL:
        # The error of a stream is shown as its own.
        if not any(mailbox.error == f"{stream.name}: {stream.error}" for stream in standing):
            yield Trouble(mailbox.name, "", mailbox.state, mailbox.error, mailbox.cure)
    elif mailbox.state == State.OK and _is_late(mailbox.last_success_at, patience, now):
        error = f"nothing was read since {mailbox.last_success_at:%Y-%m-%d %H:%M} UTC"
        yield Trouble(mailbox.name, "", "late", error, "is syncd running? systemctl status syncd")


def _to_be_looked_at(mailbox: MailboxStatus) -> Iterator[Trouble]:
    read = [stream for stream in mailbox.streams if not stream.excluded]
    if mailbox.streams and not read:
        error = "nothing of it is read: include and exclude leave out all that there is"
        yield Trouble(mailbox.name, "", WARNING, error, f"syncd check {mailbox.name} lists what there is")
    for stream in read:
        if stream.doubted:
            missing = f"{stream.doubted:,} items are suddenly not listed"
            error = f"{missing}; nothing is removed until a second listing says so too"
            cure = "nothing, if they were deleted; else look at the server"
            yield Trouble(mailbox.name, stream.name, WARNING, error, cure)
        if stream.unreadable:
            error = f"{stream.quarantined:,} could not be read, the last {stream.unreadable}"
            cure = "mend or delete it there; it is tried again when it changes, or by another version of syncd"
            yield Trouble(mailbox.name, stream.name, WARNING, error, cure)


def _is_late(last_success_at: datetime | None, patience: timedelta, now: datetime) -> bool:
    return last_success_at is not None and now - last_success_at > patience
