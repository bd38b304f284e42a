"""What becomes of the running daemon when a provider revokes, refuses, or answers with what is no answer."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest

from tests.servers import google_errors
from tests.servers.fake_google import Cut, FakeGoogle, Fault
from tests.servers.fake_google_oauth import invalid_grant
from tests.syncd.daemons import started
from tests.syncd.googles import CARL, Googles, at_google
from tests.waiting import eventually


@pytest.fixture
def office(tmp_path: Path, google: FakeGoogle) -> Googles:
    """The faults are in Carl's way; Dora's mailbox is well."""
    office = at_google(tmp_path, google)
    for name in office.mailboxes:
        office.deliver(name, 1)
    return office


def test_a_consent_that_is_revoked_stops_the_calls_until_the_owner_signs_in_again(
    office: Googles, google: FakeGoogle
) -> None:
    with started(office) as daemon:
        for name in office.mailboxes:
            daemon.wait_for("mailbox_state_changed", mailbox=name, now="ok")
        for grant in google.oauth.grants.values():
            grant.refusal = invalid_grant("Token has been expired or revoked.")
        google.oauth.accesses.clear()
        told = daemon.wait_for("mailbox_state_changed", mailbox="carl", now="reauth_needed")
        assert "access was removed, the password was changed, it lay unused for six months" in str(told["error"])
        assert told["cure"] == "syncd auth carl"
        asked = _of_carl(google)
        office.deliver("carl", 2)
        office.deliver("dora", 2)
        eventually(lambda: "dora 2" in office.subjects())
        daemon.wait_for("pass_finished", mailbox="dora", times=len(daemon.events("pass_finished", mailbox="dora")) + 2)
        assert _of_carl(google) == asked
        assert "carl 1" in office.subjects()
        office.sign_in()
        daemon.send(signal.SIGHUP)
        eventually(lambda: "carl 2" in office.subjects())
        assert daemon.stop() == 0


def _of_carl(google: FakeGoogle) -> tuple[int, int]:
    """How often Google was asked for his mail, and for a token by his consent."""
    calls = sum(call.user == CARL for call in google.calls)
    return calls, sum(form["grant_type"] == "refresh_token" for form in google.forms)


def test_answers_that_are_none_take_nothing_away_and_hold_up_no_other_mailbox(
    office: Googles, google: FakeGoogle
) -> None:
    faults: tuple[Fault, ...] = (b"<html>Sign in to the network</html>", b"null", b"", Cut(), google_errors.BACKEND)
    coming = itertools.cycle(faults)
    with started(office) as daemon:
        for name in office.mailboxes:
            daemon.wait_for("mailbox_state_changed", mailbox=name, now="ok")
        google.plan = lambda call: next(coming) if call.user == CARL else None
        for name in office.mailboxes:
            office.deliver(name, 2)
        daemon.wait_for("mailbox_state_changed", mailbox="carl", now="retrying")
        eventually(lambda: "dora 2" in office.subjects())
        google.plan = lambda call: None
        eventually(lambda: "carl 2" in office.subjects())
        daemon.wait_for("mailbox_state_changed", mailbox="carl", now="ok", times=2)
        assert daemon.stop() == 0
    assert sorted(map(str, office.subjects())) == ["carl 1", "carl 2", "dora 1", "dora 2"]
    assert office.rows("SELECT count(*) FROM sighting WHERE gone_at IS NOT NULL") == [(0,)]
