"""The Google connector: an account whose mail is a stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from connectors.base import Context, Stream
from connectors.gmail_api import Gmail
from connectors.gmail_labels import Labels, labels
from connectors.gmail_stream import MailStream
from connectors.google_api import Caller
from connectors.google_http import Http
from connectors.google_quota import QUOTAS, Quotas
from connectors.google_settings import Settings
from connectors.google_sign_in import MAIL, mail_scope, sign_in

RELIST = 900.0
"""Seconds between two looks at the labels."""


class GoogleAccount:
    def __init__(
        self,
        settings: Settings,
        context: Context,
        *,
        clock: Callable[[], float] = time.monotonic,
        quotas: Quotas = QUOTAS,
    ) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock
        self._quotas = quotas
        self._gmail: Gmail | None = None
        self._mail: MailStream | None = None
        self._labels: Labels | None = None
        self._listed_at = 0.0

    def streams(self) -> Sequence[Stream]:
        """One for the mail. Asks Google who signed in at first, and then now and then."""
        if self._gmail is None:
            self._gmail = self._signed_in()
        if self._labels is None or self._clock() - self._listed_at > RELIST:
            self._labels = self._listed_labels()
        if self._mail is None:
            self._mail = MailStream(self._opened, self._named, self._context.since, self._context.now)
        return [self._mail]

    def close(self) -> None:
        """Forget who signed in: the next pass asks again. Connections are the process's."""
        self._gmail = None

    def _opened(self) -> Gmail:
        if self._gmail is None:
            self._gmail = self._signed_in()
        return self._gmail

    def _named(self, ids: Iterable[str]) -> Labels:
        """A label that no one has heard of may be new, and one that keeps mail out."""
        if self._labels is None or not self._labels.names.keys() >= set(ids):
            self._labels = self._listed_labels()
        return self._labels

    def _listed_labels(self) -> Labels:
        listed = labels(self._opened().labels(), self._settings)
        self._listed_at = self._clock()
        return listed

    def _signed_in(self) -> Gmail:
        settings, context = self._settings, self._context
        scope = mail_scope(context.level)
        who = sign_in(context, user=settings.user, scopes=frozenset({scope}), timeout=settings.timeout)
        quota = self._quotas.of(
            who.project, settings.user,
            per_user=settings.units_per_minute, per_project=settings.project_units_per_minute,
        )  # fmt: skip
        caller = Caller(Http(who, settings.timeout), quota, settings.user, context.now)
        gmail = Gmail(caller, settings, searches=scope == MAIL)
        gmail.require_owner()
        return gmail


def open_account(settings: Settings, context: Context) -> GoogleAccount:
    return GoogleAccount(settings, context)
