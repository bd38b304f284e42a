"""OData as Graph's mail takes it, and no more of it: what Graph refuses is refused in its words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.servers.fake_graph_http import Answer, Json
from tests.servers.fake_graph_mail import Folder, Mail, Mailbox

_CONDITION = re.compile(r"receivedDateTime (ge|gt|le|lt) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_EXPANDED = re.compile(r"singleValueExtendedProperties\(\$filter=([^()]+)\)")
_PROPERTY = re.compile(r"id eq '(Integer|String) 0x([0-9a-fA-F]{1,4})'")
_SIZE = re.compile(r"odata\.maxpagesize=(\d+)")
_ONLY_BY_SELECT = {"internetMessageHeaders", "uniqueBody"}


class Refused(Exception):
    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code

    def answer(self) -> Answer:
        return failure(self.status, self.code, str(self))


def failure(status: int, code: str, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    inner = {"date": "2026-11-25T10:00:00", "request-id": "5d1e0000-0000-4000-8000-000000000000"}
    return Answer(status, {"error": {"code": code, "message": words, "innerError": inner}}, headers or {})


@dataclass(frozen=True, slots=True)
class Preferred:
    """What `Prefer` asked for."""

    immutable: bool
    text: bool
    page: int | None


def preferred(headers: Mapping[str, str]) -> Preferred:
    said = headers.get("prefer", "")
    size = _SIZE.search(said)
    return Preferred(
        immutable='IdType="ImmutableId"' in said,
        text='outlook.body-content-type="text"' in said,
        page=int(size[1]) if size else None,
    )


def matches(mail: Mail, text: str, *, delta: bool) -> bool:
    for condition in text.split(" and ") if text else ():
        found = _CONDITION.fullmatch(condition)
        if found is None or (delta and (found[1] not in ("ge", "gt") or " and " in text)):
            words = "The '$filter' parameter value is not supported for 'Messages' resource; only a value of "
            raise Refused(400, "ErrorInvalidUrlQuery", f"{words}'receivedDateTime ge value' is supported.")
        value, limit = mail.received_at, found[2]
        if not {"ge": value >= limit, "gt": value > limit, "le": value <= limit, "lt": value < limit}[found[1]]:
            return False
    return True


def check_order(query: Mapping[str, str]) -> None:
    if query.get("$orderby", "receivedDateTime desc") != "receivedDateTime desc":
        raise Refused(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")


def message(mailbox: Mailbox, mail: Mail, query: Mapping[str, str], prefer: Preferred) -> Json:
    """One message as this request asked for it."""
    whole: Json = {
        **mail.fields,
        "parentFolderId": mailbox.folder_id(mail.folder),
        "body": _body(mail, text=prefer.text),
        "uniqueBody": _body(mail, text=prefer.text),
        "changeKey": f"CQAAABYAAAB{mail.key}",
        "webLink": "https://outlook.office365.com/owa/",
    }
    if mail.folder.well_known != "sentitems":
        whole["internetMessageHeaders"] = [{"name": name, "value": value} for name, value in mail.headers]
    chosen = [name for name in query.get("$select", "").split(",") if name]
    names: Sequence[str] = chosen or [name for name in whole if name not in _ONLY_BY_SELECT]
    if chosen and (unknown := [name for name in chosen if name not in {*whole, "id", "internetMessageHeaders"}]):
        words = f"Could not find a property named '{unknown[0]}' on type 'Microsoft.OutlookServices.Message'."
        raise Refused(400, "RequestBroker--ParseUri", words)
    entry: Json = {"@odata.etag": f'W/"CQAAABYAAAB{mail.key}"'}
    if mail.kind != "message":
        entry["@odata.type"] = f"#microsoft.graph.{mail.kind}"
    entry["id"] = mailbox.mail_id(mail, immutable=prefer.immutable)
    entry.update({name: whole[name] for name in names if name in whole})
    if properties := _extended(mail, query.get("$expand", "")):
        entry["singleValueExtendedProperties"] = properties
    return entry


def _body(mail: Mail, *, text: bool) -> Json:
    html = mail.html or f"<html><body><p>{mail.text}</p></body></html>"
    return {"contentType": "text", "content": mail.text} if text else {"contentType": "html", "content": html}


def _extended(mail: Mail, expand: str) -> list[Json]:
    """Graph writes the id back in its own spelling: `Integer 0x36`."""
    if not expand:
        return []
    asked = _EXPANDED.fullmatch(expand)
    if asked is None:
        raise Refused(400, "RequestBroker--ParseUri", f"Parsing Select and Expand failed: {expand}")
    found = []
    for kind, tag in _PROPERTY.findall(asked[1]):
        for name, value in mail.extended.items():
            if name.split(" ")[0] == kind and int(name.split(" ")[1], 16) == int(tag, 16):
                found.append({"id": f"{kind} 0x{int(tag, 16):x}", "value": value})
    return found


def folder(mailbox: Mailbox, each: Folder) -> Json:
    """`wellKnownName` is not in v1.0."""
    held = mailbox.held(each)
    entry: Json = {
        "id": mailbox.folder_id(each),
        "displayName": each.name,
        "parentFolderId": mailbox.folder_id(each.parent or each),
        "childFolderCount": sum(1 for other in mailbox.folders if other.parent is each),
        "unreadItemCount": sum(1 for mail in held if not mail.fields["isRead"]),
        "totalItemCount": len(held),
        "isHidden": each.hidden,
    }
    return {"@odata.type": "#microsoft.graph.mailSearchFolder", **entry} if each.search else entry


def selected(entry: Json, query: Mapping[str, str]) -> Json:
    chosen = {"id", *query.get("$select", "").split(",")}
    return entry if "$select" not in query else {k: v for k, v in entry.items() if k in chosen or k.startswith("@")}
