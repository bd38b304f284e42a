"""The mail of a Google account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.gmail_api import Gmail
from connectors.gmail_labels import Labels, labels
from connectors.gmail_stream import MailStream
from connectors.google_opening import Opening
from connectors.google_sign_in import MAIL, mail_scope


class MailSource:
    name = "mail"

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._gmail: Gmail | None = None
        self._labels: Labels | None = None
        self._stream = MailStream(self._opened, self._named, opening.context.since, opening.context.now)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset({mail_scope(self._opening.context.level)})

    def streams(self) -> Sequence[MailStream]:
        """The one stream, with its labels looked up anew."""
        self._labels = labels(self._opened().labels(), self._opening.settings)
        return [self._stream]

    def close(self) -> None:
        self._gmail = None

    def _opened(self) -> Gmail:
        """Raises Permanent when another mailbox answers than the one that was asked for."""
        if self._gmail is None:
            caller = self._opening.caller(self.scopes, of="gmail")
            gmail = Gmail(caller, self._opening.settings, searches=MAIL in self.scopes)
            gmail.require_owner()
            self._gmail = gmail
        return self._gmail

    def _named(self, ids: Iterable[str]) -> Labels:
        """A label that no one has heard of may be new, and one that keeps mail out."""
        if self._labels is None or not self._labels.names.keys() >= set(ids):
            self._labels = labels(self._opened().labels(), self._opening.settings)
        return self._labels
