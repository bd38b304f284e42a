"""Which folders an account has, and which are never read: junk, drafts, bin, and what only shows others again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imapclient import imap_utf7

from connectors.imap_scan import Response
from connectors.imap_settings import Settings
from connectors.imap_wire import is_line_safe

_LIST = re.compile(rb'\* LIST \(([^)]*)\) (NIL|"\\?.") +(.*)\Z', re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)

_UNSELECTABLE = {"\\noselect", "\\nonexistent"}
_BY_USE = {
    "\\junk": "junk",
    "\\spam": "junk",
    "\\drafts": "drafts",
    "\\trash": "bin",
    "\\all": "repeats other folders",
    "\\flagged": "repeats other folders",
    "\\important": "repeats other folders",
}
"""RFC 6154 and Gmail's older names; what is \\All at Proton, say, doubles everything."""


def _names(text: str) -> frozenset[str]:
    return frozenset(_folded(name.strip()) for name in text.split(","))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


_BY_NAME = {
    "junk": _names(
        "Junk, Spam, Bulk, Bulk Mail, Junk Mail, Junk E-mail, Junk Email, Junk-E-Mail, Spamverdacht, Unerwünscht, "
        "Courrier indésirable, Indésirables, Pourriel, Correo no deseado, No deseado, Posta indesiderata, "
        "Ongewenste e-mail, Ongewenst, Lixo eletrônico, Lixo Eletrónico, Lixo electrónico, Skräppost, Søppelpost, "
        "Uønsket e-post, Uønsket mail, Roskaposti, Wiadomości-śmieci, Niechciane, Спам, Нежелательная почта, "
        "Nevyžádaná pošta, Önemsiz E-posta, Gereksiz, Kéretlen levelek, Levélszemét, "
        "迷惑メール, 垃圾邮件, 垃圾郵件, 스팸"
    ),
    "bin": _names(
        "Trash, Bin, Deleted, Deleted Items, Deleted Messages, Wastebasket, Papierkorb, Gelöscht, Gelöschte Elemente, "
        "Gelöschte Objekte, Corbeille, Éléments supprimés, Messages supprimés, Papelera, Elementos eliminados, "
        "Eliminados, Cestino, Posta eliminata, Elementi eliminati, Prullenbak, Verwijderde items, Lixeira, "
        "Itens excluídos, Itens eliminados, Papperskorgen, Borttagna objekt, Borttaget, Papirkurv, Slettet post, "
        "Slettede elementer, Roskakori, Poistetut, Kosz, Elementy usunięte, Usunięte, Корзина, Удаленные, Удалённые, "
        "Удаленные элементы, Koš, Odstraněná pošta, Çöp Kutusu, Silinmiş Öğeler, Silinmiş, Törölt elemek, Kuka, "
        "ゴミ箱, ごみ箱, 削除済みアイテム, 已删除, 已删除邮件, 已刪除, 垃圾桶, 휴지통, 지운 편지함"
    ),
    "drafts": _names(
        "Drafts, Draft, Entwürfe, Brouillons, Borradores, Borrador, Bozze, Concepten, Rascunhos, Utkast, Kladder, "
        "Luonnokset, Wersje robocze, Robocze, Szkice, Черновики, Koncepty, Rozepsané, Taslaklar, Piszkozatok, "
        "下書き, 草稿, 草稿箱, 임시 보관함, 임시보관함"
    ),
}


@dataclass(frozen=True, slots=True)
class Folder:
    name: str
    raw: bytes
    """As the server spells it, in modified UTF-7 (RFC 3501 5.1.3)."""
    excluded: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One selectable line of a LIST."""

    raw: bytes
    name: str
    path: tuple[str, ...]
    """The parts of the name, without the prefix that some servers put before every folder."""
    uses: frozenset[str]


def listed(response: Response) -> Listed | None:
    """None for what is no folder that could be selected."""
    line = _LIST.match(response[0])
    if line is None:
        return None
    attributes = frozenset(line[1].decode("ascii", "replace").lower().split())
    raw = response[1] if len(response) > 1 else _spelled(line[3])
    if attributes & _UNSELECTABLE or not raw or not is_line_safe(raw):
        return None
    name = _decoded(raw)
    delimiter = None if line[2].upper() == b"NIL" else line[2][-2:-1].decode("latin-1")
    if name.upper() == "INBOX":
        name = "INBOX"
    path = tuple(name.split(delimiter)) if delimiter else (name,)
    if len(path) > 1 and path[0].upper() == "INBOX":
        path = path[1:]
    return Listed(raw, name, path, attributes)


def _spelled(text: bytes) -> bytes:
    if quoted := _QUOTED.match(text):
        return re.sub(rb"\\(.)", rb"\1", quoted[1])
    return text.split(b" ", 1)[0]


def _decoded(raw: bytes) -> str:
    """Servers that send UTF-8 without being asked exist, and names that are neither."""
    try:
        if raw.isascii():
            return str(imap_utf7.decode(raw))
        return raw.decode("utf-8")
    except (ValueError, IndexError):
        return raw.decode("latin-1")


def discovered(responses: Iterable[Response], settings: Settings, *, gmail: bool) -> tuple[Folder, ...]:
    """All folders that can be selected, in the server's order, each with the reason why it is not read, if any."""
    lines = [line for line in map(listed, responses) if line is not None]
    unique = {line.name: line for line in reversed(lines)}
    everything = next((line for line in lines if "\\all" in line.uses), None) if gmail else None
    folders = (Folder(line.name, line.raw, _reason(line, settings, everything)) for line in reversed(unique.values()))
    return tuple(folders)


def _reason(line: Listed, settings: Settings, everything: Listed | None) -> str:
    if _among(line, settings.exclude):
        return "folder_excluded"
    if settings.include:
        return "" if _among(line, settings.include) else "folder_excluded"
    if everything is not None and line.name == everything.name:
        return ""
    for use in sorted(line.uses):
        if reason := _BY_USE.get(use):
            return reason
    # What lies in the bin's sub-folders was thrown away with its folder.
    top = _folded(line.path[0])
    for reason, names in _BY_NAME.items():
        if top in names:
            return reason
    return "repeats other folders" if everything is not None else ""


def _among(line: Listed, names: Sequence[str]) -> bool:
    """Whether the folder, or one that it lies in, is named; with or without the server's prefix, in any case."""
    name, inner = line.name.casefold(), "/".join(line.path).casefold()
    for wanted in (name.casefold() for name in names):
        if wanted in (name, inner) or inner.startswith(f"{wanted}/"):
            return True
    return False
