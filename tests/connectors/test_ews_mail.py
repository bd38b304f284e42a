"""Mail on an Exchange server: how a message is read, and the traps that Exchange is known for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.ews_mail import CHECK_EVERY, PAGE
from connectors.ews_message import FIELDS
from syncd.errors import CursorExpired, Retryable
from syncd.model import Attachment, ItemId, Message, Participant, Removed, Role, Unreadable
from tests.connectors.contract import Reader, keys_in
from tests.connectors.ews_worlds import ANNA, NOON, START, USER, ZOE, EwsWorld, deliver, opened, settings
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Person
from tests.servers.fake_ews_soap import NS, Fault


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsWorld]:
    with opened(EwsWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
        yield world


def read_one(world: EwsWorld, folder: str = "Inbox", *, text: bool = False) -> Message:
    world.folder = folder
    reader = Reader(world)
    reader.whole_pass()
    (item,) = reader.stream().read(list(reader.seen), text=text)
    assert isinstance(item, Message)
    return item


class TestAMessage:
    def test_people_subject_and_times_come_as_exchange_knows_them(self, world: EwsWorld) -> None:
        deliver(
            world.mailbox,
            "1@example.org",
            sender=Person('Jürgen "JJ" Weiß, Dr.', "juergen@example.org"),
            to=[Person("Anna", USER), Person("", "team@example.com")],
            subject="Angebot 東京",
            message_CcRecipients=[Person("Börse; Chef", "chef@example.org")],
        )
        read = read_one(world)
        assert read.participants == (
            Participant(Role.FROM, "juergen@example.org", 'Jürgen "JJ" Weiß, Dr.'),
            Participant(Role.TO, USER, "Anna"),
            Participant(Role.TO, "team@example.com"),
            Participant(Role.CC, "chef@example.org", "Börse; Chef"),
        )
        assert (read.subject, read.message_id, read.problem) == ("Angebot 東京", "1@example.org", "")
        assert (read.received_at, read.sent_at) == (NOON, NOON - timedelta(seconds=2))

    def test_headers_tell_of_threads_and_machines(self, world: EwsWorld) -> None:
        headers = [
            ("Received", "from example.org"),
            ("In-Reply-To", "<0@example.com>"),
            ("References", "<a@example.com> <0@example.com>"),
            ("Auto-Submitted", "auto-replied"),
            ("From", "somebody@else.example"),
        ]
        deliver(world.mailbox, "1@example.org", item_InternetMessageHeaders=headers)
        read = read_one(world)
        assert (read.in_reply_to, read.references) == ("0@example.com", ("a@example.com", "0@example.com"))
        assert read.headers == {"auto-submitted": "auto-replied"}
        assert read.participants[0].address == ZOE.address

    def test_what_the_owner_sent_has_no_headers_and_is_told_by_properties(self, world: EwsWorld) -> None:
        deliver(
            world.mailbox,
            "1@example.com",
            folder="sentitems",
            sender=ANNA,
            to=[ZOE],
            item_InReplyTo="<0@client.example>",
            message_References="<0@client.example>",
            item_Sensitivity="Private",
        )
        read = read_one(world, "Sent Items")
        assert (read.in_reply_to, read.references) == ("0@client.example", ("0@client.example",))
        assert read.headers == {"sensitivity": "Private"}

    def test_categories_are_labels_beside_the_folder(self, world: EwsWorld) -> None:
        deliver(world.mailbox, "1@example.org", item_Categories=["Privat", "Kunde A"])
        assert read_one(world).folders == ("Inbox", "Privat", "Kunde A")

    def test_an_internal_address_is_told_by_its_smtp_property(self, world: EwsWorld) -> None:
        ben = Person("Ben", "/O=EXAMPLE/OU=EXCHANGE/CN=RECIPIENTS/CN=BEN", "EX")
        deliver(world.mailbox, "1@example.com", sender=ben, smtp_of_author="ben@example.com")
        read = read_one(world)
        assert read.participants[0] == Participant(Role.FROM, "ben@example.com", "Ben")
        assert read.problem == "Sender: an internal address without an SMTP one"

    def test_an_internal_address_without_an_smtp_one_is_left_out_and_said(self, world: EwsWorld) -> None:
        gone = Person("Gone", "/O=EXAMPLE/OU=EXCHANGE/CN=RECIPIENTS/CN=GONE", "EX")
        deliver(world.mailbox, "1@example.com", to=[ANNA, gone])
        read = read_one(world)
        assert [each.address for each in read.participants if each.role is Role.TO] == [USER]
        assert read.problem == "To: an internal address without an SMTP one"

    def test_the_header_tells_what_exchange_does_not(self, world: EwsWorld) -> None:
        gone = Person("Gone", "/O=EXAMPLE/OU=EXCHANGE/CN=RECIPIENTS/CN=GONE", "EX")
        headers = [("To", '"Anna" <anna@example.com>, "Gone" <gone@example.com>')]
        deliver(world.mailbox, "1@example.com", to=[ANNA, gone], item_InternetMessageHeaders=headers)
        read = read_one(world)
        assert [each.address for each in read.participants if each.role is Role.TO] == [USER, "gone@example.com"]
        assert read.problem == ""

    def test_text_and_names_of_attachments_come_when_they_are_asked_for(self, world: EwsWorld) -> None:
        files = [("offer.pdf", "application/pdf", 4711, False), ("logo.png", "image/png", 99, True)]
        deliver(
            world.mailbox,
            "1@example.org",
            item_Body="Yes.\r\n\r\nOn Mon, Nov 16, 2026 at 9:12 AM Anna <anna@example.com> wrote:\r\n> Shall we?\r\n",
            item_HasAttachments=True,
            item_Attachments=files,
        )
        read = read_one(world, text=True)
        assert read.text == "Yes."
        assert read.attachments == (Attachment("offer.pdf", "application/pdf", 4711),)

    def test_dates_that_are_none_are_none(self, world: EwsWorld) -> None:
        deliver(world.mailbox, "1@example.org", item_DateTimeSent=datetime(4501, 1, 1, tzinfo=UTC))
        assert read_one(world).sent_at is None

    def test_a_report_of_non_delivery_is_a_machines(self, world: EwsWorld) -> None:
        deliver(world.mailbox, "1@example.com", item_ItemClass="REPORT.IPM.Note.NDR")
        assert read_one(world).headers == {"content-type": "multipart/report"}

    def test_drafts_are_no_mail_wherever_they_are(self, world: EwsWorld) -> None:
        deliver(world.mailbox, "1@example.com", item_IsDraft=True)
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == []
        assert list(reader.stream().inventory()) == []


class TestTheStream:
    def test_what_is_older_than_the_window_is_passed_over_by_ids_alone(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        world.add(PAGE * 2)
        world.since = START + timedelta(days=1)
        deliver(world.mailbox, "new@example.org", at=world.since + timedelta(hours=1))
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == ["new@example.org"]
        assert sum(1 for request in exchange.requests if request.name == "GetItem") == 1
        assert len(list(reader.stream().inventory())) == 1

    def test_new_mail_does_not_wait_behind_the_old(self, world: EwsWorld) -> None:
        old = world.add(PAGE * 8)
        batches = Reader(world).batches(world.stream(world.account()))
        next(batches)
        deliver(world.mailbox, "new@example.org", at=world.now)
        seen = keys_in([next(batches) for _ in range(CHECK_EVERY)])
        assert "new@example.org" in seen
        assert old[0] not in seen

    def test_a_message_moved_three_times_between_two_polls_is_where_it_is_in_the_end(self, world: EwsWorld) -> None:
        item = deliver(world.mailbox, "1@example.org")
        archive = world.mailbox.add_folder("Archiv", parent=world.mailbox.folder("msgfolderroot"))
        readers = {name: Reader(world) for name in ("Inbox", "Archiv")}
        for round in range(2):
            for name, reader in readers.items():
                world.folder = name
                reader.whole_pass()
            if round == 0:
                for to in (archive, world.mailbox.folder("inbox"), archive):
                    item = world.mailbox.move(item, to)
        assert (readers["Inbox"].keys, readers["Archiv"].keys) == ([], ["1@example.org"])

    def test_of_each_message_no_more_is_asked_for_than_is_needed(self, world: EwsWorld, exchange: FakeEws) -> None:
        world.add(2)
        reader = Reader(world)
        reader.whole_pass()
        list(reader.stream().read(list(reader.seen), text=True))
        shapes = [
            each.payload.find("m:ItemShape", NS) for each in exchange.requests if each.name != "SyncFolderHierarchy"
        ]
        assert {shape.findtext("t:BaseShape", "", NS) for shape in shapes if shape is not None} == {"IdOnly"}
        pages = [each.fields for each in exchange.requests if each.name == "SyncFolderItems"]
        assert pages == [{"item:DateTimeReceived"}, set()]
        listed, read = [each.fields for each in exchange.requests if each.name == "GetItem"]
        assert listed == {name.partition(" ")[0] for name in FIELDS}
        assert listed & {"item:Body", "item:Attachments", "item:MimeContent", "calendar:Start"} == set()
        assert {"item:Body", "item:Attachments"} <= read

    def test_that_a_message_was_read_moves_the_cursor_and_tells_nothing(self, world: EwsWorld) -> None:
        item = deliver(world.mailbox, "1@example.org")
        reader = Reader(world)
        reader.whole_pass()
        item.is_read = True
        (batch,) = reader.whole_pass()
        assert batch.items == ()
        assert reader.whole_pass() == []

    def test_one_item_that_is_gone_or_broken_does_not_stop_its_folder(self, world: EwsWorld, exchange: FakeEws) -> None:
        items = [deliver(world.mailbox, f"{number}@example.org") for number in range(4)]
        exchange.lost = {items[0].id: Fault("ErrorItemNotFound"), items[1].id: Fault("ErrorItemCorrupt")}
        found = {item.id: item for batch in Reader(world).whole_pass() for item in batch.items}
        assert isinstance(found[ItemId(items[0].id)], Removed)
        broken = found[ItemId(items[1].id)]
        assert isinstance(broken, Unreadable)
        assert "ErrorItemCorrupt" in broken.reason
        assert sum(isinstance(item, Message) for item in found.values()) == 2

    def test_a_state_of_two_hundred_kilobytes_makes_the_round_trip(self, world: EwsWorld) -> None:
        reader = Reader(world)
        reader.whole_pass()
        assert reader.cursor is not None
        (name,) = [name for name in world.mailbox.states if name in reader.cursor]
        long = name + "A" * 200_000
        world.mailbox.states[long] = world.mailbox.states[name]
        reader.cursor = reader.cursor.replace(name, long)
        world.add(1)
        assert len(keys_in(reader.whole_pass())) == 1

    def test_a_state_that_exchange_does_not_know_any_more_expires(self, world: EwsWorld) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        world.mailbox.forget_states()
        with pytest.raises(CursorExpired, match="ErrorInvalidSyncStateData"):
            reader.whole_pass()
        reader.pass_from_any_cursor()
        assert reader.keys == keys

    def test_a_folder_that_goes_during_the_pass_is_tried_again_and_leaves_the_list(self, world: EwsWorld) -> None:
        folder = world.mailbox.add_folder("Projekt", parent=world.mailbox.folder("msgfolderroot"))
        world.folder = "Projekt"
        account = world.account()
        stream = world.stream(account)
        world.mailbox.folders.remove(folder)
        with pytest.raises(CursorExpired):
            list(stream.changes(None))
        assert "Projekt" not in [each.name for each in account.streams()]

    def test_a_busy_server_tells_how_long_it_wants_to_be_left_alone(
        self, world: EwsWorld, exchange: FakeEws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add(1)
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"the library waits {seconds} s by itself"))
        for where in (0, 3):
            exchange.troubles = [*[None] * where, Fault("ErrorServerBusy", "Try again later.", back_off=297_749)]
            asked = len(exchange.requests)
            with pytest.raises(Retryable) as raised:
                Reader(world).whole_pass()
            assert raised.value.retry_after == timedelta(milliseconds=297_749)
            assert len(exchange.requests) == asked + where + 1

    def test_a_wait_that_is_asked_for_in_place_of_one_item_is_the_servers(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        items = [deliver(world.mailbox, f"{number}@example.org") for number in range(3)]
        exchange.lost = {items[1].id: Fault("ErrorServerBusy", "Try again later.", back_off=297_749)}
        with pytest.raises(Retryable) as raised:
            Reader(world).whole_pass()
        assert raised.value.retry_after == timedelta(milliseconds=297_749)

    def test_a_short_wait_is_waited_for_at_once(self, world: EwsWorld, exchange: FakeEws) -> None:
        keys = world.add(1)
        exchange.troubles = [Fault("ErrorServerBusy", back_off=1), Fault("ErrorMailboxStoreUnavailable")]
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == keys
