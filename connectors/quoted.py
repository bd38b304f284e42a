"""The lines of a mail -> the lines its author wrote this time.

The rules look at structure and never at words, so they hold in any language:

- lines that begin with `>` are quoted, and so is the attribution above them (it ends with a colon and has a date);
- three `Word: value` lines with a date, and an address or a ruled line above, are the head of an older mail, and all
  that follows is that mail;
- `-- ` begins the signature (RFC 3676 section 4.3), and a ruled line the footer of a mailing list, if it is short and
  has a link; all that follows is it.

Every rule looks at a few lines around one, so that the whole is linear; no regular expression spans lines.
"""

from __future__ import annotations

import re

_MAX_LINES = 5000
_HEAD_LINES = 12
_ATTRIBUTION_LINES = 4
_FOOTER_LINES = 6
_LIST_RULE = "_" * 20
_SENTENCE_ENDS = (".", "!", "?", "\u3002")
_COLONS = (":", "\uff1a")  # also the full-width one

# `From: x`, `*From:* x` (Gmail's bold), `De : x` (French), the full-width colon of Chinese without a blank behind it,
# and the direction marks that Outlook puts before Hebrew.
_FIELD = re.compile(r"[*\u200e\u200f]{0,3}[^\W\d_][^:\uff1a]{0,29}(?::\*?(?:\s|$)|\uff1a)")
_DATE = re.compile(r"\b(?:19|20)\d\d\b|(?:19|20)\d\d\u5e74|\d{1,2}[:.]\d\d")
_NAMED = re.compile(r"[^:\uff1a]+[:\uff1a][^<\[@]*+[<\[][^<\[@]*+@.*")
_SIGNATURE = re.compile(r"\n--[ \t]*+\r?\n")
_RULED = re.compile(r"[-_=*\u2014]{5,}(?:[^-_=*]{1,60}[-_=*\u2014]{3,})?")


def until_signature(text: str) -> str:
    """The text with the mark that begins the signature, and without what follows it: that makes no difference to the
    functions below, and is a third of what there is to clean and to split."""
    mark = _SIGNATURE.search(text)
    return text[: mark.end()] if mark else text


def without_history(text: str) -> str:
    lines = _lines(text)
    end = _end_of_new(lines)
    if end == len(lines):
        end = _footer(lines)
    new = "\n".join(lines[:end])
    if ">" in new:
        new = "\n".join(_without_quotes(lines[:end]))
    while "\n\n\n" in new:
        new = new.replace("\n\n\n", "\n\n")
    return new.strip("\n")


def has_end(text: str) -> bool:
    """Whether what is new ends within these lines, whatever may follow them: a footer has nothing behind it."""
    lines = _lines(text)
    return _end_of_new(lines) < len(lines)


def _lines(text: str) -> list[str]:
    return list(map(str.rstrip, text.splitlines()[:_MAX_LINES]))


def _end_of_new(lines: list[str]) -> int:
    """Return where the signature or an older mail begins."""
    end = lines.index("--") if "--" in lines else len(lines)  # many mail programs and servers take the blank away
    for index, line in enumerate(lines[:end]):
        if (":" in line or "\uff1a" in line) and _FIELD.match(line) and _is_head(lines, index):
            return _above_rules(lines, index)
    return end


def _footer(lines: list[str]) -> int:
    """Return where what a mailing list adds to every mail begins: a ruled line, then a few lines, one with a link."""
    for index in range(max(0, len(lines) - _FOOTER_LINES - 1), len(lines)):
        if lines[index].startswith(_LIST_RULE) and any("://" in line for line in lines[index + 1 :]):
            return index
    return len(lines)


def _is_head(lines: list[str], index: int) -> bool:
    """Whether the head of an older mail begins here, as Outlook writes it; long values may go on over lines."""
    head: list[str] = []
    for line in lines[index : index + _HEAD_LINES]:
        if not line or line == "--":
            break
        head.append(line)
    if sum(1 for line in head if _FIELD.match(line)) < 3:
        return False
    joined = " ".join(head)
    if not _DATE.search(joined):
        return False
    if _above_rules(lines, index) < index:
        return True
    # With nothing above it, it may as well be a form that a visitor filled in: there an address has no name beside it.
    return bool(_NAMED.fullmatch(head[0]) if not any(lines[:index]) else "@" in joined)


def _above_rules(lines: list[str], index: int) -> int:
    """Return where the ruled lines and blank ones above a head begin (`-----Original Message-----`)."""
    top = index
    while index and (not lines[index - 1] or _RULED.fullmatch(lines[index - 1].strip())):
        index -= 1
        if lines[index]:
            top = index
    return top


def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    quoting = False
    for line in lines:
        quoted = line.startswith((">", " >"))
        if quoted and not quoting:
            _drop_attribution(kept)
        if not quoted:
            kept.append(line)
        quoting = quoted
    return kept


def _drop_attribution(kept: list[str]) -> None:
    """Take away the `On Monday at 10:00 Anna <anna@example.com> wrote:` at the end of `kept`, if there is one."""
    end = len(kept)
    while end and not kept[end - 1]:
        end -= 1
    if not end or not kept[end - 1].rstrip("* ").endswith(_COLONS):
        return
    for start in range(end - 1, max(end - 1 - _ATTRIBUTION_LINES, -1), -1):
        if not kept[start] or (start < end - 1 and kept[start].endswith(_SENTENCE_ENDS)):
            break
        if _DATE.search(kept[start]):
            del kept[start:]
            return
    if "@" in kept[end - 1]:
        del kept[end - 1 :]
