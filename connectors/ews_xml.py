"""The XML of EWS, written and read: payloads of the few operations, and values of what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from exchangelib.util import MNS, TNS, create_element
from lxml import etree

Element: TypeAlias = etree._Element
T = f"{{{TNS}}}"
M = f"{{{MNS}}}"


def element(name: str, *children: Element, text: str = "", **attributes: str) -> Element:
    """`name` is `m:GetItem` or `t:ItemId`."""
    made: Element = create_element(name, attrs=attributes)
    made.text = text or None
    made.extend(children)
    return made


def shape(kind: str, fields: Iterable[str], *, text: bool = False) -> Element:
    """`m:ItemShape` or `m:FolderShape` with these fields and no others. A field is `item:Subject`, or `0x36 Integer` of
    what Outlook keeps under a number ([MS-OXPROPS])."""
    parts = [element("t:BaseShape", text="IdOnly")]
    if text:
        parts.append(element("t:BodyType", text="Text"))
    if wanted := [_field(each) for each in fields]:
        parts.append(element("t:AdditionalProperties", *wanted))
    return element(kind, *parts)


def _field(name: str) -> Element:
    tag, _, kind = name.partition(" ")
    if kind:
        return element("t:ExtendedFieldURI", PropertyTag=tag, PropertyType=kind)
    return element("t:FieldURI", FieldURI=name)


def items(ids: Sequence[str]) -> Element:
    return element("m:ItemIds", *(element("t:ItemId", Id=id) for id in ids))


def child(of: Element, *path: str) -> Element | None:
    """Down by names of the types' namespace."""
    here: Element | None = of
    for name in path:
        here = None if here is None else here.find(f"{T}{name}")
    return here


def value(of: Element, *path: str) -> str:
    """The text of a child; empty where there is none."""
    found = child(of, *path)
    return "" if found is None else str(found.text or "")


def flag(of: Element, name: str) -> bool:
    return value(of, name).strip() in ("true", "1")


def children(of: Element, *path: str) -> Iterator[Element]:
    """Those of a child, but for comments."""
    found = child(of, *path)
    return iter(()) if found is None else found.iterchildren("{*}*")


def kind(of: Element) -> str:
    """`Message`, `CalendarItem`: the name without its namespace."""
    return str(etree.QName(of).localname)


def id_of(of: Element, name: str = "ItemId") -> tuple[str, str]:
    """Id and change key of an item or folder."""
    found = child(of, name)
    return ("", "") if found is None else (found.get("Id", ""), found.get("ChangeKey", ""))


def kept(of: Element) -> dict[int, str]:
    """The extended properties by number. Exchange writes the number in its own way: `0x10f4` as it likes."""
    found = {}
    for each in of.iterfind(f"{T}ExtendedProperty"):
        uri = child(each, "ExtendedFieldURI")
        if uri is not None and uri.get("PropertyTag"):
            found[int(uri.get("PropertyTag", "0"), 16)] = value(each, "Value")
    return found
