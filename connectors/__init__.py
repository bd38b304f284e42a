"""The connectors, one module for each kind of account; to add one is a module and a line of KINDS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from connectors.base import Account, AddressBook, Context
from syncd.errors import Permanent

if TYPE_CHECKING:  # signing in needs a web server, and a pass needs none
    from connectors.oauth import Consent, Person


class _Configured(Protocol):
    @property
    def Settings(self) -> type[object]: ...


class _Connector(Protocol):
    def open_account(self, settings: Any, context: Context) -> Account: ...


class _Asking(Protocol):
    def sign_in(self, settings: Any, context: Context, person: Person) -> Consent: ...


class _Known(Protocol):
    def address_book(self, settings: Any, context: Context) -> AddressBook: ...


class _Listing(Protocol):
    def members(self, settings: Any, context: Context, domain: str) -> Sequence[str]: ...


class Kind(NamedTuple):
    settings_module: str
    """Has `Settings`, a frozen dataclass; its fields are the keys of the mailbox in the configuration. This and the
    other modules are loaded when they are asked for the first time: most configurations have one kind."""
    module: str
    """Has `open_account`; a provider's library may take a second to load."""
    consent: str = ""
    """The module with `sign_in`, where the owner can let syncd in (`syncd auth`)."""
    opens_many: bool = False
    """Whether one secret may open the mailboxes of many users."""
    members: str = ""
    """The module with `members`, where the provider can be asked for the users of a domain."""
    contacts: str = ""
    """The module with `address_book`, where an account has contacts that the directory can take."""
    backfill: timedelta = timedelta(days=180)
    """How far back the first sync reads, if the admin does not say."""

    @property
    def settings(self) -> type[object]:
        return cast(_Configured, import_module(self.settings_module)).Settings

    def load(self) -> None:
        """Before an account is opened, for whom a second matters then."""
        import_module(self.module)

    def open(self, settings: Any, context: Context) -> Account:
        """Opens no connection yet. `settings` are of the type `self.settings`."""
        return cast(_Connector, import_module(self.module)).open_account(settings, context)

    def sign_in(self, settings: Any, context: Context, person: Person) -> Consent:
        """Ask the owner; what was allowed is kept in the context's tokens. Raises the SyncErrors."""
        if not self.consent:
            raise Permanent("an account of this kind is opened by its secret alone", cure="syncd check")
        return cast(_Asking, import_module(self.consent)).sign_in(settings, context, person)

    def address_book(self, settings: Any, context: Context) -> AddressBook:
        """Opens no connection yet. `context.contacts` says what is wanted."""
        return cast(_Known, import_module(self.contacts)).address_book(settings, context)

    def users(self, settings: Any, context: Context, domain: str) -> Sequence[str]:
        """The primary addresses of the domain's users who have a mailbox. Raises the SyncErrors."""
        return cast(_Listing, import_module(self.members)).members(settings, context, domain)


KINDS: Mapping[str, Kind] = {
    "imap": Kind("connectors.imap_settings", "connectors.imap"),
    "google": Kind(
        "connectors.google_settings",
        "connectors.google",
        consent="connectors.google_consent",
        opens_many=True,
        members="connectors.google_directory",
        contacts="connectors.google_contacts",
    ),
    "microsoft365": Kind(
        "connectors.microsoft_settings",
        "connectors.microsoft",
        consent="connectors.microsoft_sign_in",
        opens_many=True,
        members="connectors.microsoft_directory",
        contacts="connectors.graph_contacts",
    ),
    "exchange": Kind("connectors.ews_settings", "connectors.ews", opens_many=True),
    "caldav": Kind(
        "connectors.caldav_settings", "connectors.caldav", contacts="connectors.carddav", backfill=timedelta(days=90)
    ),
}
