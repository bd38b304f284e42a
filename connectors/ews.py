"""The connector for mailboxes on an Exchange server of the organisation's own, by Exchange Web Services: an account
whose mail folders, calendars and task lists are streams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from connectors.base import Context, Grant, Stream
from connectors.ews_client import Client
from connectors.ews_folders import Folder, FolderTree
from connectors.ews_grant import grant
from connectors.ews_mail import MailStream
from connectors.ews_objects import Meetings, ObjectStream, Tasks, Window
from connectors.ews_settings import Settings
from syncd.model import Level

__all__ = ["ExchangeAccount", "Settings", "open_account"]


class ExchangeAccount:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._client = Client(settings, context)
        self._tree = FolderTree(self._client)

    def streams(self) -> Sequence[Stream]:
        """After the first time this is one request, for what has changed among the folders."""
        now = self._context.now()
        window = Window(
            begins=self._context.since(),
            ends=now + timedelta(days=self._settings.ahead_days),
            now=now,
            text=self._context.level is Level.FULL,
        )
        return [self._stream(each, window) for each in self._tree.folders() if each.kind in self._settings.read]

    def grant(self) -> Grant:
        return grant(self._settings, self._client)

    def close(self) -> None:
        self._client.close()

    def _stream(self, folder: Folder, window: Window) -> Stream:
        if folder.kind == "mail":
            return MailStream(folder, self._client, since=self._context.since, now=self._context.now)
        return ObjectStream(folder, self._client, window, Meetings() if folder.kind == "calendar" else Tasks())


def open_account(settings: Settings, context: Context) -> ExchangeAccount:
    return ExchangeAccount(settings, context)
