"""The fixture itself: what the other tests lean on."""

from __future__ import annotations

from tests.servers.dovecot import Dovecot


def test_what_was_appended_is_there_and_a_uid_validity_can_be_set(dovecot: Dovecot) -> None:
    user = dovecot.new_user()
    dovecot.append(user, [b"Subject: one\r\n\r\nHello.\r\n"] * 3)
    dovecot.expunge(user, "2")
    dovecot.set_uid_validity(user, 77)
    with dovecot.session(user) as client:
        status, lines = client.status("INBOX", "(UIDVALIDITY UIDNEXT MESSAGES)")
    assert (status, lines) == ("OK", [b"INBOX (MESSAGES 2 UIDNEXT 4 UIDVALIDITY 77)"])


def test_each_user_has_a_mailbox_of_their_own(dovecot: Dovecot) -> None:
    first, second = dovecot.new_user(), dovecot.new_user()
    dovecot.append(first, [b"Subject: one\r\n\r\nHello.\r\n"])
    assert len(dovecot.flags(first)) == 1
    assert dovecot.flags(second) == []
