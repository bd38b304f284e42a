"""The connector for mailboxes at Microsoft 365, by Microsoft Graph: an account whose mail folders are streams."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Context, Grant
from connectors.graph_client import Graph
from connectors.graph_folders import FolderTree
from connectors.graph_mail import MailStream
from connectors.microsoft_grant import grant
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings

__all__ = ["MicrosoftAccount", "Settings", "open_account"]


class MicrosoftAccount:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._login = Login(settings, context)
        self._graph = Graph(settings, self._login)
        self._tree = FolderTree(self._graph)

    def streams(self) -> Sequence[MailStream]:
        """Every folder; after the first time this is one request, for what has changed among them."""
        return [
            MailStream(folder, self._graph, self._tree, since=self._context.since, now=self._context.now)
            for folder in self._tree.folders()
        ]

    def grant(self) -> Grant:
        return grant(self._settings, self._login)

    def close(self) -> None:
        self._graph.close()
        self._login.forget()


def open_account(settings: Settings, context: Context) -> MicrosoftAccount:
    return MicrosoftAccount(settings, context)
