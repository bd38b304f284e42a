"""One meeting on the calendars of four makers: a colleague with each of them, and a customer who called it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.connectors.ews_worlds import ZOE, meeting
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Person
from tests.servers.fake_google import FakeGoogle
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_login import SECRET
from tests.servers.radicale import Radicale
from tests.syncd import test_exchange as by_exchange
from tests.syncd import test_google as by_google
from tests.syncd import test_microsoft as by_microsoft
from tests.syncd.doors import Office

UID = "review@client.example"
STARTS_AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
ENDS_AT = STARTS_AT + timedelta(hours=1)


def on_google(google: FakeGoogle) -> None:
    guest = {"email": by_google.CARL, "self": True, "responseStatus": "accepted"}
    google.calendar(by_google.CARL).put(
        {
            "iCalUID": UID,
            "summary": "Review",
            "start": {"dateTime": STARTS_AT.isoformat()},
            "end": {"dateTime": ENDS_AT.isoformat()},
            "organizer": {"email": ZOE.address},
            "attendees": [guest],
        }
    )


def on_microsoft(microsoft: Cloud) -> None:
    microsoft.login.user = by_microsoft.DORA
    microsoft.graph.mailbox(by_microsoft.DORA, "Dora")
    organizer = {"emailAddress": {"name": ZOE.name, "address": ZOE.address}}
    microsoft.graph.agendas[by_microsoft.DORA].add(
        by_exchange.wrapped(UID), [STARTS_AT], organizer=organizer, isOrganizer=False, subject="Review",
        attendees=[(by_microsoft.DORA, "accepted")],
    )  # fmt: skip


def on_exchange(exchange: FakeEws) -> None:
    meeting(
        exchange.mailbox(by_exchange.ERIK), by_exchange.wrapped(UID).lower(), STARTS_AT, item_Subject="Review",
        calendar_Organizer=ZOE, calendar_MyResponseType="Accept",
        calendar_RequiredAttendees=[Person("Erik", by_exchange.ERIK)],
    )  # fmt: skip


def on_caldav(radicale: Radicale, office: Office) -> str:
    user = radicale.new_user()
    radicale.fill(user, "work", {"review.ics": by_exchange.REVIEW.encode()})
    office.write("frida.secret", radicale.passwords[user])
    return (
        '[[mailboxes]]\nname = "frida"\nowner = "frida@example.com"\nkind = "caldav"\n'
        f'url = "{radicale.url}"\nuser = "{user}"\nsecret = "file:frida.secret"\n'
    )


def test_one_meeting_on_four_makers_calendars_is_one_activity_with_four_sightings(
    tmp_path: Path, google: FakeGoogle, microsoft: Cloud, exchange: FakeEws, radicale: Radicale
) -> None:
    office = Office(tmp_path)
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.write("google.json", google.oauth.client_file(f"{google.url}/token"))
    office.write("app.secret", SECRET)
    office.write("exchange.secret", "a password")
    on_google(google)
    on_microsoft(microsoft)
    on_exchange(exchange)
    frida = on_caldav(radicale, office)
    blocks = (by_google.block(google), by_microsoft.block(microsoft), by_exchange.block(exchange), frida)
    office.configure(*blocks, extra=by_exchange.CONTACTS)
    by_google.sign_in(office, google)

    by_exchange.once(office)

    (activity,) = by_exchange.activities(office)
    assert (activity["kind"], activity["subject"]) == ("meeting", "Review")
    (why,) = json.loads(office.syncd("why", str(activity["id"]), "--json").out)
    assert sorted(each["mailbox"] for each in why["sightings"]) == ["carl", "dora", "erik", "frida"]
