"""Where the log goes and what it looks like: events in the past tense with fields, one a line, human or JSON.

    log.info("pass_finished", extra=fields(seen=12, ms=840))

The mailbox and the stream are added from the context. An address that strayed into a text is masked, control characters
are escaped, and of an exception only its type and place are shown (below INFO: all places), since its text may quote a
mail.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TextIO, TypeAlias

Value: TypeAlias = str | int | float | bool | None

_context: ContextVar[Mapping[str, Value]] = ContextVar("context", default={})  # noqa: B039 - never changed in place

# C0, DEL, C1, line and paragraph separators, the marks that turn text around, and half characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS = re.compile(r"[^\s@<>\"'(),:;=\[\]]{1,64}@[^\s@<>\"'(),:;=\[\]]{1,253}")
_PLAIN = re.compile(r"[^\s\"=\\]+")
_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_OURS = ("syncd", "connectors", "matching", "store")
# A library logs commands, statements with their parameters, addresses and sign-ins: none is heard below a warning,
# whatever our own level is, and of that only where it comes from.
_LIBRARIES = {"": logging.WARNING, "apscheduler": logging.ERROR}
_LIBRARIES |= {"googleapiclient": logging.ERROR}  # of each refusal that is told or tried again anyway


def fields(**values: Value) -> dict[str, Mapping[str, Value]]:
    """The `extra` of a log call."""
    return {"fields": values}


@contextmanager
def about(**values: Value) -> Iterator[None]:
    """Every event inside is about this mailbox, this stream."""
    token = _context.set({**_context.get(), **values})
    try:
        yield
    finally:
        _context.reset(token)


def set_up(*, form: str, level: str, out: TextIO | None = None, journal: bool = False) -> None:
    """Send all logging to `out` (stderr). `form` is human or json; the journal keeps time and level by itself."""
    handler = logging.StreamHandler(out or sys.stderr)
    handler.setFormatter(Json() if form == "json" else Human(journal=journal))
    handler.addFilter(_add_context)
    logging.getLogger().handlers[:] = [handler]
    own = logging.getLevelNamesMapping()[level.upper()]
    levels = {name: max(least, own) for name, least in _LIBRARIES.items()} | dict.fromkeys(_OURS, own)
    for name, heard in levels.items():
        logging.getLogger(name).setLevel(heard)


def _add_context(record: logging.LogRecord) -> bool:
    record.context = _context.get()
    return True


def escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def masked(text: str) -> str:
    return _ADDRESS.sub("<address>", text)


def place(error: BaseException) -> str:
    """`KeyError at sync.py:41 in run_pass`: all that may be said of an error that nobody expected."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{where}"


def event(record: logging.LogRecord) -> dict[str, Value]:
    """Everything that is to be seen of a record, clean. The names in the context are the admin's own: not masked."""
    context: Mapping[str, Value] = getattr(record, "context", {})
    extra: Mapping[str, Value] = getattr(record, "fields", {})
    values: dict[str, Value] = {"event": _clean(record.getMessage())}
    if record.name.partition(".")[0] not in _OURS:
        values = {"event": "library_warned", "library": record.name, "place": f"{record.filename}:{record.lineno}"}
    values |= {name: escaped(value) if isinstance(value, str) else value for name, value in context.items()}
    values |= {name: _clean(value) for name, value in extra.items()}
    if record.exc_info and record.exc_info[1] is not None:
        values["exception"] = (
            _traceback(record.exc_info[1]) if record.levelno <= logging.DEBUG else place(record.exc_info[1])
        )
    return values


def _clean(value: Value) -> Value:
    return escaped(masked(value)) if isinstance(value, str) else value


def _traceback(error: BaseException) -> str:
    """The way to each error of the chain, the first one first, without what they say."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_traceback(cause)}; then " if cause is not None else ""
    frames = traceback.extract_tb(error.__traceback__)
    return before + " > ".join(
        [*(f"{PurePath(each.filename).name}:{each.lineno} {each.name}" for each in frames), type(error).__name__]
    )


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = {"at": _instant(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**head, **event(record)}, ensure_ascii=False)


class Human(logging.Formatter):
    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        values = event(record)
        head = f"<{_PRIORITY.get(record.levelno, 6)}>" if self._journal else f"{_instant(record)} {record.levelname} "
        pairs = [f"{name}={_quoted(value)}" for name, value in values.items() if name != "event"]
        return head + " ".join([str(values["event"]), *pairs])


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: Value) -> str:
    text = "" if value is None else str(value)
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', '\\"') + '"'
