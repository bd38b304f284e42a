"""Values as iCalendar text (RFC 5545 section 3.3.11), for what providers keep in fields of their own: it is then read
as every other calendar is."""

from __future__ import annotations


def escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return plain.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "")


def parameter(name: str, value: str) -> str:
    """`;CN="Anna"`, or nothing where there is no value. It can hold neither quotes nor line ends (section 3.1)."""
    kept = "".join(letter for letter in value if letter.isprintable() and letter != '"')
    return f';{name}="{kept}"' if kept else ""
