"""TOML -> Config. Everything that is wrong with a file is collected and raised at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from connectors import KINDS
from syncd.config import groups, reading, values, words
from syncd.errors import ConfigError

Table = dict[str, object]
T = TypeVar("T")

SECTIONS: Mapping[str, type] = {
    "store": values.StoreSettings,
    "daemon": values.DaemonSettings,
    "organisation": values.Organisation,
    "directory": values.DirectorySource,
    "retention": values.Retention,
    "mailboxes": values.Mailbox,
}


@dataclass(frozen=True, slots=True)
class _Problems:
    """What is wrong so far, each line with the file and the place in front."""

    file: str
    lines: list[str] = field(default_factory=list)

    def add(self, place: str, said: str) -> None:
        self.lines.append(f"{self.file}: {place}: {said}" if place else f"{self.file}: {said}")


def load(path: Path) -> values.Config:
    """Raises ConfigError with all problems. Relative paths in the file are relative to the file."""
    problems = _Problems(path.name)
    table = _read(path)
    for name in table.keys() - SECTIONS.keys():
        problems.add("", words.unknown(name, SECTIONS, _elsewhere(name, "")))
    store = _section("store", values.StoreSettings, table, problems, required=True)
    daemon = _section("daemon", values.DaemonSettings, table, problems)
    organisation = _section("organisation", values.Organisation, table, problems, required=True)
    directory = _section("directory", values.DirectorySource, table, problems) if "directory" in table else None
    retention = _section("retention", values.Retention, table, problems)
    mailboxes, registered = _mailboxes(table, problems)
    if directory is not None:
        _refuse_strangers(directory, [*mailboxes, *(group.template for group in registered)], problems)
    if retention is not None:
        _refuse_returning(mailboxes, retention, problems)
    if problems.lines or store is None or daemon is None or organisation is None or retention is None:
        raise ConfigError(problems.lines)
    config = values.Config(
        path=path,
        store=store,
        daemon=daemon,
        organisation=organisation,
        directory=directory,
        mailboxes=tuple(mailboxes),
        retention=retention,
        groups=tuple(registered),
    )
    return _anchored(config, path.resolve().parent)


def _refuse_strangers(source: values.DirectorySource, mailboxes: Iterable[values.Mailbox], problems: _Problems) -> None:
    """Every mailbox that [directory] names must be there, and of the kind that it names."""
    kinds = {each.name: each.kind for each in mailboxes}
    kinds.update({name.partition("/")[0]: kind for name, kind in kinds.items()})
    for name in source.mailboxes:
        if name not in kinds:
            problems.add("directory", f'mailboxes: there is no mailbox "{name}"; {words.nearest(kinds, name)}')
        elif kinds[name] != source.mailbox_kind:
            said = f'"{name}" is of kind = "{kinds[name]}", and the contacts are to come from "{source.mailbox_kind}"'
            problems.add("directory", f"mailboxes: {said}")


def _refuse_returning(mailboxes: Iterable[values.Mailbox], retention: values.Retention, problems: _Problems) -> None:
    """What was taken out because of its age would be read again by the next first sync."""
    for mailbox in mailboxes:
        if retention.activities is not None and mailbox.reach > retention.activities:
            days = retention.activities.days
            said = f'backfill: reaches back further than activities are kept; write backfill = "{days}d" or less'
            problems.add(f'mailboxes "{mailbox.name}"', said)


def _read(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError([f"{path}: does not exist; write one with: syncd init --path {path}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except tomllib.TOMLDecodeError as error:
        hint = "text needs quotes, lists need brackets, and no name may come twice in a section"
        raise ConfigError([f"{path.name}: {error}; {hint}"]) from None


def _section(name: str, kind: type[T], table: Table, problems: _Problems, *, required: bool = False) -> T | None:
    section = table.get(name, {})
    if not isinstance(section, dict):
        problems.add(name, f"must be a section; write [{name}] on a line of its own")
        return None
    if required and name not in table:
        problems.add(name, f"is missing; add a [{name}] section (syncd init writes an example)")
        return None
    _refuse_unknown(section, kind, f"[{name}]", name, problems)
    return _parsed(kind, section, name, problems)


def _mailboxes(table: Table, problems: _Problems) -> tuple[list[values.Mailbox], list[values.Group]]:
    entries = table.get("mailboxes", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.add("mailboxes", "must be [[mailboxes]] with two brackets, once for each mailbox")
        return [], []
    level = _organisation_level(table)
    found: list[values.Mailbox | None] = []
    mailboxes: list[values.Mailbox] = []
    domains: list[values.Group] = []
    for number, entry in enumerate(entries, 1):
        place = _place(entry, number)
        try:
            single, users, domain = groups.split({**level, **entry})
        except ValueError as error:
            problems.add(place, str(error))
            found.append(None)
            continue
        found.append(mailbox := _mailbox(single, place, problems))
        if mailbox is not None and domain:
            domains.append(values.Group(mailbox, domain))
        elif mailbox is not None:
            mailboxes += groups.members(mailbox, users) if users else [mailbox]
    _refuse_twins(entries, found, problems)
    return mailboxes, domains


def _organisation_level(table: Table) -> Table:
    """What holds for a mailbox that says nothing itself."""
    organisation = table.get("organisation")
    level = organisation.get("level") if isinstance(organisation, dict) else None
    return {"level": level} if level in ("private", "metadata", "subject", "full") else {}


def _place(entry: Table, number: int) -> str:
    name = entry.get("name")
    return f'mailboxes[{number}] "{name}"' if isinstance(name, str) and name.isprintable() else f"mailboxes[{number}]"


def _mailbox(entry: Table, place: str, problems: _Problems) -> values.Mailbox | None:
    """The registration and the connector's own settings stand in one table; here they part."""
    common = {each.name for each in fields(values.Mailbox)} - {"settings"}
    registration: Table = {name: value for name, value in entry.items() if name in common}
    inline: Table = {name: value for name, value in entry.items() if name not in common}
    mailbox = _parsed(values.Mailbox, {**registration, "settings": {}}, place, problems)
    kind = entry.get("kind")
    if not isinstance(kind, str):
        return None
    if kind not in KINDS:
        problems.add(place, f"kind: {words.unknown_value(KINDS, kind)}")
        return None
    settings_type: type[Any] = KINDS[kind].settings
    _refuse_unknown(entry, settings_type, place, "mailboxes", problems, also=common)
    known = {each.name for each in fields(settings_type)}
    settings = _parsed(settings_type, {name: inline[name] for name in inline.keys() & known}, place, problems)
    if "secret" not in entry and getattr(settings, "needs_secret", True):
        problems.add(place, f"secret: {words.missing('secret')}")
    return None if mailbox is None or settings is None else replace(mailbox, settings=settings)


def _refuse_unknown(
    table: Table,
    known_to: type[Any],
    place: str,
    section: str,
    problems: _Problems,
    *,
    also: set[str] | None = None,
) -> None:
    known = {each.name for each in fields(known_to)} | (also or set())
    for name in sorted(table.keys() - known):
        problems.add(place, words.unknown(name, known, _elsewhere(name, section)))


def _elsewhere(name: str, section: str) -> dict[str, str]:
    """`name` -> the section that knows it, if that is one of a different name."""
    homes = [other for other, kind in SECTIONS.items() if other != section and name in {f.name for f in fields(kind)}]
    return {name: f"[[{homes[0]}]]" if homes[0] == "mailboxes" else f"[{homes[0]}]"} if len(homes) == 1 else {}


def _parsed(kind: type[T], table: Table, place: str, problems: _Problems) -> T | None:
    value, wrong = reading.section(kind, table)
    for each in wrong:
        problems.add(place, each)
    return value


def _refuse_twins(entries: list[Table], found: list[values.Mailbox | None], problems: _Problems) -> None:
    """A name is a mailbox's identity in the store; the same account twice is a block copied and not finished."""
    names: dict[object, int] = {}
    accounts: dict[object, int] = {}
    for number, (entry, mailbox) in enumerate(zip(entries, found, strict=True), 1):
        first = names.setdefault(entry.get("name", number), number)
        if first != number:
            problems.add(_place(entry, number), f"name: is taken by mailboxes[{first}]; give each mailbox its own")
        account = (mailbox.kind, repr(mailbox.settings)) if mailbox else number
        first = accounts.setdefault(account, number)
        if first != number:
            problems.add(
                _place(entry, number),
                f"is the same account as {_place(entries[first - 1], first)}; change its user or remove it",
            )


def _anchored(config: values.Config, home: Path) -> values.Config:
    """Every relative path made absolute, so that it does not matter where syncd is started."""
    store, directory = config.store, config.directory
    return replace(
        config,
        store=replace(
            store,
            url=_anchored_url(store.url, home),
            password=_anchored_reference(store.password, home),
            key=_anchored_reference(store.key, home),
            token_key=_anchored_reference(store.token_key, home),
        ),
        directory=None if directory is None else _anchored_directory(directory, home),
        mailboxes=tuple(_anchored_mailbox(mailbox, home) for mailbox in config.mailboxes),
        groups=tuple(group._replace(template=_anchored_mailbox(group.template, home)) for group in config.groups),
    )


def _anchored_url(url: str, home: Path) -> str:
    scheme, separator, file = url.partition(":///")
    return f"{scheme}{separator}{home / file}" if scheme.startswith("sqlite") and file else url


def _anchored_reference(reference: str | None, home: Path) -> str | None:
    if reference is None or not reference.startswith("file:"):
        return reference
    return f"file:{home / reference.removeprefix('file:')}"


def _anchored_directory(source: values.DirectorySource, home: Path) -> values.DirectorySource:
    password = _anchored_reference(source.password, home)
    if source.kind == "sql":
        return replace(source, url=_anchored_url(source.url, home), password=password)
    return replace(
        source,
        contacts=_anchored_path(source.contacts, home),
        accounts=_anchored_path(source.accounts, home),
        opportunities=_anchored_path(source.opportunities, home),
        users=_anchored_path(source.users, home),
    )


def _anchored_path(path: str, home: Path) -> str:
    return str(home / path) if path else ""


def _anchored_mailbox(mailbox: values.Mailbox, home: Path) -> values.Mailbox:
    settings = mailbox.settings
    paths = {
        each.name: home / value
        for each in fields(settings)  # type: ignore[arg-type]
        if isinstance(value := getattr(settings, each.name), Path)
    }
    secret = _anchored_reference(mailbox.secret, home)
    return replace(mailbox, secret=secret, settings=replace(settings, **paths) if paths else settings)  # type: ignore[type-var]
