"""What came from mail, a server or a file, made harmless for a terminal."""

from __future__ import annotations

import unicodedata

# Cc is control characters (ESC begins a sequence), Cf those without a width (marks that turn the direction of text
# around among them), Cs halves of a character, Zl and Zp other line ends.
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: str) -> str:
    """One line that does nothing but show itself."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\t\r\n":
        return " "
    return "" if unicodedata.category(character) in _HARMFUL else character
