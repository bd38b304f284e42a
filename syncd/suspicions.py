"""What looks as if something were cut off, and no error tells: mail one way only, a folder that has fallen silent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from store.inventory import Arrivals, Finding, Flow

FLOW = timedelta(days=90)
ENOUGH = 20
"""So many activities one way, and none the other, are no accident."""
QUIET = timedelta(days=14)
SELDOM = 20
"""A stream in which nothing comes for so many times its usual interval has been cut off: by chance that happens once in
e**20 times."""


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in text.split(","))


_SENT = _names(
    "Sent, Sent Mail, Sent Items, Sent Messages, Gesendet, Gesendete Elemente, Gesendete Objekte, "
    "Gesendete Nachrichten, Envoyés, Éléments envoyés, Messages envoyés, Courrier envoyé, Enviados, "
    "Elementos enviados, Mensajes enviados, Inviati, Posta inviata, Elementi inviati, Verzonden, Verzonden items, "
    "Itens enviados, Mensagens enviadas, Skickat, Skickade objekt, Sendte elementer, Sendt, Sendt post, Lähetetyt, "
    "Wysłane, Elementy wysłane, Отправленные, Отправленная почта, Odeslaná pošta, Odeslané, Gönderilmiş Öğeler, "
    "Gönderilenler, Elküldött elemek, 送信済みメール, 送信済みアイテム, 送信済み, 已发送, 已发送邮件, 寄件備份, "
    "보낸편지함, 보낸 편지함"
)
"""What providers and programs call the folder of sent mail."""


def suspicions(
    flow: Flow, arrivals: Mapping[str, Arrivals], streams: Iterable[str], name: str, now: datetime
) -> tuple[Finding, ...]:
    """What looks as if something were cut off, of one mailbox and its streams of mail.

    A folder of a project falls silent when that ends; the inbox and the sent mail do not.
    """
    names = list(streams)
    steady = {each: seen for each, seen in arrivals.items() if len(names) == 1 or _is_steady(each)}
    return (*_one_way(flow, name, sent_is_read(names)), *_fallen_silent(steady, name, now))


def _is_steady(stream: str) -> bool:
    return stream.casefold() == "inbox" or _last_part(stream) in _SENT


def _one_way(flow: Flow, name: str, sent: bool) -> Iterable[Finding]:
    cure = f"syncd check {name} lists the folders: add that of the sent mail to include"
    if flow.inbound and not flow.outbound and not sent:
        # By its name alone it might be one that no list has: then something that was sent will be seen in it.
        error = f"no folder of sent mail was found among those that are read, and nothing that {name} sent was seen"
        yield Finding("", "sent_not_found", error, cure)
    elif flow.inbound >= ENOUGH and not flow.outbound:
        error = f"in {FLOW.days} days {flow.inbound:,} mails came in, and none that {name} sent was seen"
        yield Finding("", "one_direction", error, cure)
    if flow.outbound >= ENOUGH and not flow.inbound:
        error = f"in {FLOW.days} days {name} sent {flow.outbound:,} mails, and none that came in was seen"
        cure = f"syncd check {name} lists the folders: add the inbox, and what a filter moves mail to, to include"
        yield Finding("", "one_direction", error, cure)


def sent_is_read(names: Collection[str]) -> bool:
    """By the names that providers give it; a single stream holds all mail."""
    return len(names) == 1 or any(_last_part(each) in _SENT for each in names)


def _last_part(name: str) -> str:
    return name.replace(".", "/").rpartition("/")[2].casefold()


def _fallen_silent(arrivals: Mapping[str, Arrivals], name: str, now: datetime) -> Iterable[Finding]:
    for stream, seen in arrivals.items():
        if seen.count < ENOUGH:
            continue
        usual = (seen.last_at - seen.first_at) / (seen.count - 1)
        if now - seen.last_at > max(QUIET, SELDOM * usual):
            days = (now - seen.last_at).days
            error = f"nothing has come for {days} days, where something came every {_spoken(usual)} before"
            cure = f"is mail still delivered there? a filter or a forwarding may have been changed: syncd audit {name}"
            yield Finding(stream, "quiet", error, cure)


def _spoken(usual: timedelta) -> str:
    hours = usual / timedelta(hours=1)
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 2 else "hour or so"
