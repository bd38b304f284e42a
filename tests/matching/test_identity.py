"""Copies of one mail are one, and different mails are not, whatever is missing or forged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.address import key as address_key
from matching.identity import address_hash, base_subject, corroborates, identify, keyed, message_key, occurred_at
from syncd.model import Identity, Message
from tests.matching.letters import KEY, NOON, mail, people

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = NOON + 30 * DAY


def one_mail(first: Message, second: Message) -> bool:
    """What dedup asks of two copies."""
    a, b = identify(first, KEY), identify(second, KEY)
    return a.key == b.key and corroborates(a, b)


# ------------------------------------------------------------------------------------------------ the key


@pytest.mark.parametrize(
    "written",
    [
        "<one@client.example>",
        " one@client.example",
        "one@client\r\n .example",
        '"one"@client.example',
        '<"o\\ne"@client.example>',
    ],
)
def test_spellings_of_one_message_id_are_one(written: str) -> None:
    assert message_key(written, KEY) == message_key("one@client.example", KEY)


def test_case_tells_message_ids_apart() -> None:
    assert message_key("ONE@client.example", KEY) != message_key("one@client.example", KEY)


def test_a_message_id_needs_no_at_sign() -> None:
    assert message_key("0123456789abcdef", KEY) is not None


@pytest.mark.parametrize("nothing", [None, "", " ", "<>", "<None>", "null", "undefined"])
def test_what_broken_software_writes_for_nothing_is_no_message_id(nothing: str | None) -> None:
    assert message_key(nothing, KEY) is None


def test_the_identity_of_a_mail_is_the_key_of_its_message_id() -> None:
    assert identify(mail(message_id="one@client.example"), KEY).key == message_key("one@client.example", KEY)


def test_without_the_key_nothing_can_be_recognised() -> None:
    assert keyed(b"one key", "jane@client.example") != keyed(b"another", "jane@client.example")


def test_a_key_of_any_length_will_do() -> None:
    assert len(keyed(b"", "x")) == len(keyed(b"k" * 1000, "x")) == 16
    assert keyed(b"k" * 1000, "x") != keyed(b"k" * 1001, "x")


def test_a_remembered_hash_is_the_hash() -> None:
    assert address_hash(KEY, "jane@client.example") == keyed(KEY, "jane@client.example")


# ----------------------------------------------------------------------------------------------- two copies


def test_the_same_mail_in_two_mailboxes_is_one() -> None:
    sent = mail(id="1.7", folders=("Sent",), received_at=NOON, size=900)
    received = mail(id="3.2", received_at=NOON + HOUR, size=4000)
    assert one_mail(sent, received)


def test_the_senders_copy_with_its_bcc_is_the_same_mail() -> None:
    sent = mail("from: rep@ours.example to: jane@client.example bcc: boss@ours.example", message_id=None)
    assert one_mail(sent, mail("from: rep@ours.example to: jane@client.example", message_id=None))


def test_a_list_copy_with_a_munged_author_is_the_same_mail() -> None:
    munged = mail("from: list@lists.example to: list@lists.example", subject="[list] Offer")
    assert one_mail(mail(), munged)


def test_a_reused_message_id_does_not_make_two_mails_one() -> None:
    first = mail("from: scan@client.example to: rep@ours.example", message_id="scan@device", subject="Page 1")
    assert not one_mail(first, first._replace(subject="Page 2", sent_at=NOON + HOUR))
    assert not one_mail(first, first._replace(sent_at=NOON + 3 * DAY))


@pytest.mark.parametrize("message_id", [None, "", "<>", "null"])
def test_mails_without_a_message_id_do_not_become_one(message_id: str | None) -> None:
    first = mail(message_id=message_id)
    others = [
        first._replace(subject="Another"),
        first._replace(sent_at=NOON + timedelta(seconds=1)),
        first._replace(participants=people("from: joe@client.example to: rep@ours.example")),
        first._replace(participants=people("from: jane@client.example to: two@ours.example")),
    ]
    assert not any(one_mail(first, other) for other in others)


def test_copies_without_a_message_id_are_one_whatever_their_recipients_order() -> None:
    first = mail("from: jane@client.example to: a@ours.example B@ours.example", message_id=None)
    other = mail("from: JANE@client.example to: b@ours.example A@ours.example", message_id=None, received_at=NOW)
    assert one_mail(first, other)


def test_mails_without_message_id_and_date_are_told_apart_by_their_receipt() -> None:
    first = mail(message_id=None, sent_at=None)
    assert one_mail(first, first._replace())
    assert not one_mail(first, first._replace(received_at=NOON + HOUR))


def test_of_a_stored_copy_only_the_hashes_are_needed() -> None:
    identity = identify(mail(), KEY)
    stored = identity._replace(fingerprint=b"")
    assert corroborates(stored, identity)


def test_what_is_missing_corroborates_nothing() -> None:
    nobody = mail("to: rep@ours.example", subject="")
    assert not corroborates(identify(nobody, KEY), identify(nobody._replace(sent_at=NOON + HOUR), KEY))
    assert not corroborates(identify(nobody, KEY), identify(nobody._replace(sent_at=None), KEY))


IDENTITIES = st.builds(
    Identity,
    key=st.just(b"k"),
    fingerprint=st.just(b"f"),
    sender=st.sampled_from([b"", b"jane", b"joe"]),
    subject=st.sampled_from([b"", b"offer", b"order"]),
    sent_at=st.sampled_from([None, NOON, NOON + HOUR, NOON + 5 * DAY]),
)


@given(IDENTITIES)
def test_a_mail_corroborates_itself_however_little_is_known(identity: Identity) -> None:
    assert corroborates(identity, identity._replace())


@given(IDENTITIES, IDENTITIES)
def test_corroboration_does_not_depend_on_which_copy_came_first(a: Identity, b: Identity) -> None:
    assert corroborates(a, b) == corroborates(b, a)


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_hostile_text_is_identified_like_any_other(message_id: str, subject: str, author: str) -> None:
    hostile = mail(people("to: rep@ours.example"), message_id=message_id, subject=subject, in_reply_to=author)
    assert one_mail(hostile, hostile)


def test_nul_and_lone_surrogates_can_be_hashed() -> None:
    assert identify(mail(message_id="\ud800\0", subject="\udcff"), KEY).key


# -------------------------------------------------------------------------------------------------- subject


@pytest.mark.parametrize(
    "subject",
    [
        "Offer",
        "  OFFER  ",
        "Re: Offer",
        "RE: FW: Fwd: Offer",
        "AW: WG: Offer",
        "Sv: VS: Offer",
        "Antw: Offer",
        "RE : TR : Offer",
        "R: I: Offer",
        "RV: RES: ENC: Offer",
        "Odp: Offer",
        "\u041e\u0422\u0412: Offer",
        "\u0130LT: Offer",
        "Re[2]: Offer",
        "Re^3: Offer",
        "\u56de\u590d\uff1aOffer",
        "[EXTERNAL] Re: [team] Offer",
        "Re: [list 12] Re: Offer",
        "Offer (fwd)",
        "[Fwd: Re: Offer]",
        "Re:\r\n Offer",
    ],
)
def test_replying_and_forwarding_keep_the_base_subject(subject: str) -> None:
    assert base_subject(subject) == "offer"


@pytest.mark.parametrize("subject", ["Reoffer", "Offer: Re", "Order", "Offer 2", "Refund: Offer"])
def test_other_subjects_have_another_base(subject: str) -> None:
    assert base_subject(subject) != "offer"


def test_a_tag_within_a_subject_tells_two_mails_apart() -> None:
    assert base_subject("Offer [12] of March") != base_subject("Offer [13] of March")


def test_a_subject_of_nothing_but_a_tag_keeps_it() -> None:
    assert base_subject("[ticket 12]") == "[ticket 12]"


@given(st.one_of(st.text(max_size=80), st.text("rRe:[]()fwd ^2", max_size=60)))
def test_a_base_subject_is_its_own(subject: str) -> None:
    assert base_subject(base_subject(subject)) == base_subject(subject)


def test_a_subject_without_end_is_cut() -> None:
    assert len(base_subject("re: " * 1_000_000 + "x")) < 1000


# ----------------------------------------------------------------------------------------------------- date


def test_every_copy_has_the_time_of_its_date_header() -> None:
    assert occurred_at(mail(received_at=NOON + HOUR), fallback=NOW) == NOON
    assert occurred_at(mail(received_at=None), fallback=NOW) == NOON


def test_a_migration_that_stamped_all_mail_does_not_move_it() -> None:
    assert occurred_at(mail(sent_at=NOON - 3000 * DAY, received_at=NOW), fallback=NOW) == NOON - 3000 * DAY


def test_a_date_in_the_future_is_not_believed() -> None:
    assert occurred_at(mail(sent_at=NOON + 2 * DAY, received_at=NOON), fallback=NOW) == NOON
    assert occurred_at(mail(sent_at=NOW + 2 * DAY, received_at=None), fallback=NOW) == NOW


def test_a_clock_a_little_ahead_is_believed() -> None:
    assert occurred_at(mail(sent_at=NOON + HOUR, received_at=NOON), fallback=NOW) == NOON + HOUR


@pytest.mark.parametrize("year", [102, 1601, 1969])
def test_a_date_before_email_is_not_believed(year: int) -> None:
    assert occurred_at(mail(sent_at=datetime(year, 5, 1, tzinfo=UTC)), fallback=NOW) == NOON


def test_a_dead_clock_is_not_believed() -> None:
    assert occurred_at(mail(sent_at=datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)), fallback=NOW) == NOON


def test_without_any_date_the_fallback_is_all_there_is() -> None:
    assert occurred_at(mail(sent_at=None, received_at=None), fallback=NOW) == NOW


def test_the_address_of_an_identity_is_its_key() -> None:
    tagged = identify(mail("from: Jane+x@Client.example to: rep@ours.example"), KEY)
    assert tagged.sender == keyed(KEY, address_key("jane@client.example"))
