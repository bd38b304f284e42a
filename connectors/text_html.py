"""HTML mail -> plain lines, with quoted mail as `>` lines and what follows a forward mark left out.

A scan over tags and no tree: the HTML standard's repair rules let 28 kB of crossed tags grow into a gigabyte of nodes
(measured with selectolax 1.0), and nothing of a tree is needed to read lines of text.
"""

from __future__ import annotations

import html as _html
import re

# In this order: comments and declarations, elements whose content is no text, tags, text. A tag ends at the next `>`
# or `<`, so that each byte is looked at once; a `>` within an attribute is rare, and costs a stray quote in the text.
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^>]*(?:>|\Z)"
    r"|<(?P<raw>style|script|title|head)\b[^<>]*>(?P<inside>.*?(?:</(?P=raw)\s{0,9}>|\Z))"
    r"|<(?P<slash>/?)(?P<tag>[a-z][a-z0-9]{0,20})(?P<attributes>[^<>]*)(?:>|(?=<)|\Z)"
    r"|(?P<text>[^<]+|<)",
    re.IGNORECASE | re.DOTALL,
)
_BLANKS = re.compile(r"\s+")
_BLOCK = re.compile(
    r"address|article|aside|blockquote|center|d[dlt]|div|fieldset|footer|form|h[1-6r]|header|li|main|nav|[ou]l|p|pre"
    r"|section|table|tbody|thead|tr"
)
_VOID = frozenset(["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])

# What a mail program puts around, or before, the mail that is answered or forwarded: Outlook, Yahoo, Thunderbird,
# Proton. Gmail's and Apple's is a blockquote, within which no new text stands; between two of them it may.
_HISTORY_BEGINS = re.compile(
    r"\b(?:divRplyFwdMsg|appendonsend|OLK_SRC_BODY_SECTION|mail-editor-reference-message-container"
    r"|ms-outlook-mobile-reference-message|yahoo_quoted|moz-forward-container|protonmail_quote)\b"
)
_LEFT_OUT = re.compile(
    r"\b(?:gmail_signature|moz-signature|ms-outlook-mobile-signature|AppleMailSignature|protonmail_signature_block"
    r"|display\s{0,3}:\s{0,3}none)\b|\bid=[\"']?Signature\b"
)
_INDENT = re.compile(r"border\s{0,3}:\s{0,3}none", re.IGNORECASE)  # Gmail's "indent more" button


def html_to_text(html: str) -> str:
    reader = _Reader()
    for token in _TOKEN.finditer(html):
        if text := token["text"]:
            reader.text(text)
        elif (tag := token["tag"]) and not reader.tag(tag.lower(), token["attributes"], closing=bool(token["slash"])):
            break
    return "".join(reader.out)


class _Reader:
    """Collects lines; knows whether it is within an element that is left out."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._fresh = True
        """Nothing stands on the current line yet."""
        self._pre = 0
        self._skipped, self._depth = "", 0

    def text(self, text: str) -> None:
        if self._skipped:
            return
        if not self._pre:
            text = _BLANKS.sub(" ", text)
            if self._fresh:
                text = text.lstrip()
        if text:
            self.out.append(_html.unescape(text))
            self._fresh = False

    def tag(self, tag: str, attributes: str, *, closing: bool) -> bool:
        """Take in a tag; False if all that follows is history."""
        if self._skipped:
            if tag == self._skipped:
                self._depth += -1 if closing else 1
                self._skipped = self._skipped if self._depth else ""
            return True
        if tag == "br" or (not self._fresh and _BLOCK.fullmatch(tag)):
            self._end_line()
        elif tag in {"td", "th"} and not self._fresh and not closing:
            self.out.append(" ")
        if tag == "pre":
            self._pre = max(0, self._pre + (-1 if closing else 1))
        if closing or tag in _VOID:
            return True
        if attributes and _HISTORY_BEGINS.search(attributes):
            return False
        if tag == "blockquote" and not _INDENT.search(attributes):
            self.out.append(">")
            self._end_line()
            self._skip(tag)
        elif attributes and _LEFT_OUT.search(attributes):
            self._skip(tag)
        return True

    def _end_line(self) -> None:
        self.out.append("\n")
        self._fresh = True

    def _skip(self, tag: str) -> None:
        self._skipped, self._depth = tag, 1
