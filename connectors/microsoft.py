"""The connector for mailboxes at Microsoft 365, by Microsoft Graph: an account whose mail folders,
calendars and task lists are streams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from connectors.base import Context, Grant, Stream
from connectors.graph_calendar import CalendarStream, Window
from connectors.graph_calendars import calendars
from connectors.graph_client import Graph
from connectors.graph_folders import FolderTree
from connectors.graph_lists import Listing
from connectors.graph_mail import MailStream
from connectors.graph_tasks import TaskStream, task_lists
from connectors.microsoft_grant import grant
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from syncd.model import Level

__all__ = ["MicrosoftAccount", "Settings", "open_account"]


class MicrosoftAccount:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._login = Login(settings, context)
        self._graph = Graph(settings, self._login)
        self._tree = FolderTree(self._graph)
        self._calendars = Listing(partial(calendars, self._graph))
        self._task_lists = Listing(partial(task_lists, self._graph))

    def streams(self) -> Sequence[Stream]:
        """Every folder, calendar and task list; after the first time this is one request, for what has changed among
        the folders, and now and then one for the others."""
        since, now = self._context.since, self._context.now
        folders = self._tree.folders() if "mail" in self._settings.read else ()
        mail = [MailStream(folder, self._graph, self._tree, since=since, now=now) for folder in folders]
        window = Window(
            begins=since(),
            ends=now() + timedelta(days=self._settings.ahead_days),
            now=now(),
            text=self._context.level is Level.FULL,
        )
        found = self._calendars.at(now()) if "calendar" in self._settings.read else ()
        agenda = [CalendarStream(each, self._graph, window) for each in found]
        lists = self._task_lists.at(now()) if "tasks" in self._settings.read else ()
        return [*mail, *agenda, *(TaskStream(each, self._graph, since(), now()) for each in lists)]

    def grant(self) -> Grant:
        refused = {"Calendars.Read": self._calendars.refusal, "Tasks.Read": self._task_lists.refusal}
        lacking = {right: error for right, error in refused.items() if error is not None}
        return grant(self._settings, self._login, lacking)

    def close(self) -> None:
        self._graph.close()
        self._login.forget()


def open_account(settings: Settings, context: Context) -> MicrosoftAccount:
    return MicrosoftAccount(settings, context)
