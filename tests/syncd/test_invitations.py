"""Invitations by mail: they belong to their meeting, and make it where no calendar has it. In memory, a real store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from store.occasions import settle
from store.trail import Doer
from syncd import erase as erasure
from syncd.model import Event, EventStatus, Invitation, ItemId, Level, Message, Policy
from syncd.sync import PassResult
from tests.syncd.calendars import Office, meeting
from tests.syncd.mailboxes import START, message
from tests.syncd.worlds import POLICY, World

CARL, ZOE, SAM = "carl@client.example", "zoe@client.example", "sam@ourco.example"
SOON = START + timedelta(days=3)
MULTIPART = {"content-type": "multipart/alternative; boundary=x"}


@dataclass
class Post:
    """A rep's folder, and beside it the reps' calendars."""

    world: World
    office: Office
    sent: int = 0

    def mail(self, method: str, *events: Event, sender: str = CARL, headers: dict[str, str] | None = None) -> ItemId:
        self.sent += 1
        plain = message(self.sent, sender=sender, to=[SAM])._replace(headers=headers or MULTIPART)
        return self.world.folder("sam's mail").deliver(plain._replace(invitation=Invitation(method, events)))

    def sync(self, policy: Policy = POLICY) -> PassResult:
        return self.world.run("sam's mail", replace(policy, owner_addresses=frozenset({SAM})))

    def activities(self) -> list[tuple[object, ...]]:
        return self.world.rows("SELECT kind, status, substr(occurred_at, 1, 16) FROM activity ORDER BY kind DESC, 3")


@pytest.fixture
def post(world: World) -> Post:
    return Post(world, Office(world))


def _theirs(**answers: str) -> Event:
    return meeting("call", SOON, CARL, {SAM: answers.get("sam", "needs_action"), ZOE: answers.get("zoe", "")})


def test_an_invitation_makes_the_meeting_where_no_calendar_has_it_and_is_no_activity_itself(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-05 09:00")]
    found = post.world.rows("SELECT verdict, rule, facts, activity_id IS NOT NULL FROM sighting")
    assert found == [("logged", "invitation", "REQUEST from the organizer", 1)]
    assert post.world.rows("SELECT entity_id FROM link WHERE entity_kind = 'contact' ORDER BY 1") == [
        ("carl",),
        ("zoe",),
    ]


def test_a_calendar_that_appears_later_merges_with_it_and_the_other_way_round(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync()
    post.office.calendar("sam").put("a", _theirs(sam="accepted"))
    post.office.sync()
    post.mail("REQUEST", _theirs())
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-05 09:00")]
    assert post.office.answers() == {SAM: "accepted", ZOE: ""}
    assert post.world.rows("SELECT count(DISTINCT activity_id), count(*) FROM sighting") == [(1, 3)]


def test_the_same_mail_read_again_changes_nothing(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync()
    told = post.office.feed()
    post.world.execute("UPDATE stream SET cursor = NULL")
    post.sync()
    assert post.office.feed() == told
    assert len(post.activities()) == 1


def test_an_update_by_mail_moves_the_meeting_unless_the_organizers_calendar_knows_better(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync()
    moved = meeting("call", SOON + timedelta(days=1), CARL, {SAM: ""})._replace(sequence=1)
    post.mail("REQUEST", moved)
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-06 09:00")]


def test_a_cancellation_counts_only_from_the_organizer(post: Post) -> None:
    """mustang-im/mustang issue 680: an attendee's CANCEL deleted the organizer's event."""
    post.office.calendar("sam").put("a", _theirs())
    post.office.sync()
    cancelled = _theirs()._replace(status=EventStatus.CANCELLED)
    post.mail("CANCEL", cancelled, sender=ZOE)
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-05 09:00")]
    assert post.world.rows("SELECT facts FROM sighting WHERE rule = 'invitation'") == [("CANCEL from a guest",)]
    post.mail("CANCEL", cancelled._replace(status=EventStatus.CONFIRMED))  # the method says it, whatever the STATUS
    post.sync()
    assert post.activities() == [("meeting", "cancelled", "2026-11-05 09:00")]


def test_a_cancellation_of_an_older_version_does_not_undo_a_newer_one(post: Post) -> None:
    post.office.calendar("sam").put("a", _theirs()._replace(sequence=3))
    post.office.sync()
    post.mail("CANCEL", _theirs()._replace(sequence=2))
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-05 09:00")]


def test_a_reply_is_its_senders_answer_and_nobody_elses(post: Post) -> None:
    ours = meeting("ours", SOON, SAM, {CARL: "needs_action", ZOE: "needs_action"})
    post.office.calendar("sam").put("a", ours)
    post.office.sync()
    post.mail("REPLY", meeting("ours", SOON, SAM, {CARL: "accepted", ZOE: "declined"}))
    post.sync()
    assert post.office.answers() == {CARL: "accepted", ZOE: "needs_action"}
    assert [kind for kind, *_ in post.activities()] == ["meeting"]


def test_a_reply_or_counter_proposal_without_a_meeting_stays_mail(post: Post) -> None:
    post.mail("REPLY", _theirs())
    post.mail("COUNTER", _theirs())
    post.sync()
    assert [kind for kind, *_ in post.activities()] == ["email", "email"]


def test_a_counter_proposal_changes_nothing_of_the_meeting(post: Post) -> None:
    post.office.calendar("sam").put("a", _theirs())
    post.office.sync()
    post.mail("COUNTER", _theirs()._replace(starts_at=SOON + timedelta(days=9), sequence=5), sender=ZOE)
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-05 09:00")]


def test_a_forwarded_invitation_moves_no_meeting_that_is_known(post: Post) -> None:
    post.office.calendar("sam").put("a", _theirs())
    post.office.sync()
    post.mail("REQUEST", _theirs()._replace(starts_at=SOON + timedelta(days=9), sequence=9), sender=ZOE)
    post.sync()
    assert post.activities() == [("meeting", "planned", "2026-11-05 09:00")]


def test_deleting_the_invitation_does_not_call_off_the_meeting(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.world.folder("sam's mail").deliver(message(9, sender=CARL))
    post.sync()
    post.world.folder("sam's mail").delete(1)
    post.sync()
    assert post.world.rows("SELECT count(*) FROM sighting WHERE gone_at IS NOT NULL") == [(1,)]
    assert post.activities()[0] == ("meeting", "planned", "2026-11-05 09:00")


def test_deleting_the_event_calls_it_off_although_the_invitation_is_still_there(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync()
    post.office.calendar("sam").put("a", _theirs(sam="accepted"))
    post.office.calendar("sam").put("b", meeting("other", SOON, SAM, {CARL: ""}))
    post.office.sync()
    post.office.calendar("sam").delete("a")
    post.office.sync()
    assert post.activities()[0] == ("meeting", "cancelled", "2026-11-05 09:00")


def test_an_invitation_that_a_machine_sent_is_one_all_the_same(post: Post) -> None:
    """Google sends invitations as `Auto-Submitted: auto-generated`."""
    post.mail("REQUEST", _theirs(), headers={**MULTIPART, "auto-submitted": "auto-generated"})
    post.sync()
    assert [kind for kind, *_ in post.activities()] == ["meeting"]


def test_an_invitation_among_ourselves_is_skipped_and_one_that_is_kept_out_stays_out(post: Post) -> None:
    post.mail("REQUEST", meeting("inner", SOON, SAM, {"rita@ourco.example": ""}), sender="rita@ourco.example")
    post.mail("REQUEST", _theirs())
    post.sync(replace(POLICY, never_log=("@client.example",)))
    assert post.activities() == []
    rules = post.world.rows("SELECT rule FROM sighting ORDER BY item")
    assert rules == [("internal_only",), ("never_log",)]


def test_a_private_event_stays_closed_when_its_invitation_comes_by_mail(post: Post) -> None:
    post.office.calendar("sam").put("a", _theirs()._replace(private="CLASS:PRIVATE"))
    post.office.sync()
    post.mail("REQUEST", _theirs())
    post.sync()
    assert post.world.rows("SELECT subject, text, level FROM activity") == [(None, None, int(Level.PRIVATE))]


@pytest.mark.parametrize("method", ["REQUEST", "REPLY", "PUBLISH"])
def test_the_mail_of_a_private_meeting_is_not_stored_either(post: Post, method: str) -> None:
    post.mail(method, _theirs()._replace(private="CLASS:PRIVATE", subject="Divorce lawyer"))
    post.sync()
    assert post.activities() == []
    assert post.world.rows("SELECT verdict, rule, facts FROM sighting") == [("skipped", "private", "CLASS:PRIVATE")]


def test_the_mail_about_a_meeting_is_kept_out_by_whoever_takes_part_in_it(post: Post) -> None:
    """Its headers name the organizer and its recipient only."""
    post.mail("REQUEST", _theirs())
    post.sync(replace(POLICY, never_log=(ZOE,)))
    assert post.activities() == []
    assert post.world.rows("SELECT verdict, rule FROM sighting") == [("skipped", "never_log")]


def test_the_mail_about_a_meeting_of_somebody_erased_does_not_come_back(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync()
    who = erasure.person(post.world.store, POLICY, written=ZOE)
    erasure.erase(post.world.store, who, Doer("clerk", "cli"), START)
    post.world.folder("sam's mail").renumber(2)
    post.sync()
    assert post.activities() == []
    assert post.world.rows("SELECT rule FROM sighting WHERE gone_at IS NULL") == [("erased",)]


def test_the_folder_of_an_invitation_says_how_much_of_its_meeting_is_stored(post: Post) -> None:
    post.mail("REQUEST", _theirs())
    post.sync(replace(POLICY, folder_levels=(("INBOX", Level.METADATA),)))
    assert post.world.rows("SELECT subject, text, level FROM activity") == [(None, None, int(Level.METADATA))]


def test_a_mail_among_ourselves_is_no_invitation_either_when_it_is_read_once_more(post: Post) -> None:
    ours = meeting("ours", SOON, "rita@ourco.example", {SAM: "", ZOE: ""})
    post.mail("REQUEST", ours, sender="rita@ourco.example")
    post.world.folder("sam's mail").unreadable.add(1)
    post.sync()
    post.world.folder("sam's mail").unreadable.clear()
    post.sync()
    assert post.world.rows("SELECT verdict, rule FROM sighting") == [("skipped", "internal_only")]


def test_a_cancellation_by_mail_after_the_end_undoes_nothing(post: Post) -> None:
    past = _theirs()._replace(stamped_at=START)
    post.office.calendar("sam").put("a", past)
    post.office.sync()
    post.world.clock = SOON + timedelta(days=1)
    post.mail("CANCEL", past._replace(stamped_at=post.world.clock))
    post.sync()
    settle(post.world.store.engine, post.world.clock)
    assert post.activities() == [("meeting", "held", "2026-11-05 09:00")]


def test_a_series_by_mail_makes_each_of_its_meetings(post: Post) -> None:
    weekly = [
        _theirs()._replace(original_start=at.strftime("%Y%m%dT%H%M%SZ"), starts_at=at, ends_at=at, settles_at=at)
        for at in (SOON, SOON + timedelta(days=7))
    ]
    post.mail("REQUEST", *weekly)
    post.sync()
    assert [at for *_, at in post.activities()] == ["2026-11-05 09:00", "2026-11-12 09:00"]


def test_only_the_sender_of_a_message_and_the_event_decide_nothing_about_plain_mail(post: Post) -> None:
    post.world.folder("sam's mail").deliver(message(1, sender=CARL, to=[SAM])._replace(headers=MULTIPART))
    post.sync()
    assert [kind for kind, *_ in post.activities()] == ["email"]
    assert isinstance(post.world.folder("sam's mail").held[1], Message)
