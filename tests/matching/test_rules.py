"""Each mail is logged, or skipped by the first rule that speaks; each rule has its tests here, in their order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.identity import keyed
from matching.parties import Parties
from matching.rules import RULES, decide
from syncd.model import Contact, Decision, Direction, Directory, Message, Participant, Policy, Role, Verdict
from tests.matching.letters import KEY, OURS, mail, people

DIRECTORY = Directory(
    contacts={
        "jane@client.example": (Contact("jane", "client"),),
        "info@small.example": (Contact("small", None),),
        "noreply@client.example": (Contact("robot", "client"),),
        "colleague@ours.example": (Contact("colleague", "client"),),
    },
    accounts={"client.example": ("client",)},
    users={"rep@elsewhere.example": "rep"},
)


def decided(message: Message, policy: Policy = OURS) -> Decision:
    return decide(message, Parties(DIRECTORY, policy))


def outcome(message: Message, policy: Policy = OURS) -> tuple[str, str]:
    decision = decided(message, policy)
    assert (decision.verdict == Verdict.LOGGED) == (decision.rule == "logged")
    return decision.rule, decision.facts


def test_the_rules_are_tried_in_the_order_of_the_design() -> None:
    assert list(dict.fromkeys(name for name, _ in RULES)) == [
        "folder_excluded",
        "never_log",
        "never_log_personal",
        "private",
        "erased",
        "automated",
        "invitation",
        "internal_only",
        "too_many_recipients",
        "no_known_contact",
    ]


def test_a_mail_with_a_known_contact_is_logged_with_its_links() -> None:
    decision = decided(mail())
    assert decision.rule == "logged"
    assert [(each.entity_kind, each.entity_id) for each in decision.links] == [
        ("contact", "jane"),
        ("account", "client"),
    ]


# ------------------------------------------------------------------------------------------ folder_excluded


def test_folder_excluded_skips_what_lies_in_such_a_folder() -> None:
    policy = replace(OURS, excluded_folders=frozenset({"Private"}))
    assert outcome(mail(folders=("INBOX", "Private")), policy) == ("folder_excluded", "one of its folders is excluded")
    assert outcome(mail(folders=("Privateers",)), policy)[0] == "logged"


# ------------------------------------------------------------------------------------------------ never_log


@pytest.mark.parametrize(
    "entry",
    [
        "Jane@CLIENT.example",
        "jane+any@client.example",
        "@client.example",
        "client.example",
        "*@client.example",
    ],
)
def test_never_log_skips_by_address_and_by_domain(entry: str) -> None:
    assert outcome(mail(), replace(OURS, never_log=("other@x.example", entry)))[0] == "never_log"


def test_never_log_covers_sub_domains() -> None:
    message = mail("from: jane@mail.client.example to: rep@ours.example")
    assert outcome(message, replace(OURS, never_log=("@client.example",)))[0] == "never_log"


@pytest.mark.parametrize("role", ["from", "sender", "reply-to", "to", "cc", "bcc"])
def test_never_log_heeds_every_participant(role: str) -> None:
    message = mail(f"from: jane@client.example to: rep@ours.example {role}: lawyer@law.example")
    policy = replace(OURS, never_log=("@bank.example", "x@y.example", "lawyer@law.example"))
    assert outcome(message, policy) == ("never_log", "entry 3 of never_log")


def test_never_log_can_protect_one_of_us() -> None:
    message = mail("from: jane@client.example to: boss@ours.example")
    assert outcome(message, replace(OURS, never_log=("boss@ours.example",)))[0] == "never_log"


def test_never_log_by_address_leaves_the_others_of_its_domain() -> None:
    assert outcome(mail(), replace(OURS, never_log=("joe@client.example", "anclient.example")))[0] == "logged"


def test_never_log_personal_is_named_apart() -> None:
    policy = replace(OURS, never_log_personal=("@client.example",))
    assert outcome(mail(), policy) == ("never_log_personal", "entry 1 of never_log_personal")


# -------------------------------------------------------------------------------------------------- private


@pytest.mark.parametrize("value", ["Private", "personal", " Company-Confidential "])
def test_private_skips_what_its_author_marked_so(value: str) -> None:
    message = mail(headers={"sensitivity": value})
    assert outcome(message) == ("private", f"Sensitivity: {value.strip().lower()}")


@pytest.mark.parametrize("value", ["", "normal", "none", "jane@client.example"])
def test_any_other_sensitivity_is_none(value: str) -> None:
    assert outcome(mail(headers={"sensitivity": value}))[0] == "logged"


# ------------------------------------------------------------------------------------------------ automated


def test_automated_skips_what_a_machine_wrote_to_a_known_contact() -> None:
    assert outcome(mail(headers={"list-id": "<news.client.example>"})) == ("automated", "List-Id")


def test_automated_skips_a_no_reply_sender_even_where_a_contact_has_the_address() -> None:
    assert outcome(mail("from: noreply@client.example to: rep@ours.example")) == ("automated", "no-reply sender")


def test_automated_skips_a_role_sender_that_is_no_contact_until_it_becomes_one() -> None:
    decision = decided(mail("from: info@client.example to: rep@ours.example"))
    assert (decision.rule, decision.facts) == ("automated", "role sender")
    assert decision.hashes == (keyed(KEY, "info@client.example"), keyed(KEY, "@client.example"))


def test_a_role_address_of_a_contact_or_of_ours_writes_as_a_person() -> None:
    assert outcome(mail("from: info@small.example to: rep@ours.example"))[0] == "logged"
    assert outcome(mail("from: sales@ours.example to: jane@client.example"))[0] == "logged"


def test_a_role_address_may_be_written_to() -> None:
    assert outcome(mail("from: jane@client.example to: info@client.example"))[0] == "logged"


# ----------------------------------------------------------------------------------------------- invitation


def test_invitation_skips_a_mail_that_is_a_calendar_object() -> None:
    message = mail(headers={"content-type": "Text/Calendar; method=REQUEST; charset=utf-8"})
    assert outcome(message) == ("invitation", "text/calendar")


# -------------------------------------------------------------------------------------------- internal_only


@pytest.mark.parametrize(
    "who",
    [
        "from: rep@ours.example to: boss@ours.example",
        "from: rep@OURS.example to: desk@emea.ours.example",
        "from: rep@elsewhere.example to: boss@ours.example",
        "from: me@alias.example to: boss@ours.example",
        "from: rep@ours.example to: colleague@ours.example",
    ],
)
def test_internal_only_knows_own_domains_sub_domains_users_and_aliases(who: str) -> None:
    policy = replace(OURS, own_addresses=frozenset({"me@alias.example"}))
    assert outcome(mail(who), policy) == ("internal_only", "2 own addresses")


def test_internal_only_skips_mail_to_oneself() -> None:
    assert outcome(mail("from: rep@ours.example to: Rep+note@ours.example")) == ("internal_only", "to oneself")


@pytest.mark.parametrize("role", ["to", "cc", "bcc", "reply-to"])
def test_one_outsider_makes_it_no_internal_mail(role: str) -> None:
    assert outcome(mail(f"from: rep@ours.example to: boss@ours.example {role}: jane@client.example"))[0] == "logged"


def test_a_contractor_at_our_domain_is_an_outsider_by_policy_only() -> None:
    message = mail("from: rep@ours.example to: colleague@ours.example")
    policy = replace(OURS, outsiders=frozenset({"colleague@ours.example"}))
    assert outcome(message, policy)[0] == "logged"
    assert decided(message, policy).direction is Direction.OUTBOUND


# -------------------------------------------------------------------------------------- too_many_recipients


def test_too_many_recipients_counts_people_once() -> None:
    crowd = " ".join(f"p{n}@crowd.example" for n in range(8))
    message = mail(f"from: jane@client.example to: {crowd} cc: {crowd} P1+x@crowd.example bcc: rep@ours.example")
    assert outcome(message, replace(OURS, max_recipients=8)) == ("too_many_recipients", "9 recipients")
    assert outcome(message, replace(OURS, max_recipients=9))[0] == "logged"


# ----------------------------------------------------------------------------------------- no_known_contact


def test_no_known_contact_keeps_a_keyed_hash_of_each_outside_address_and_of_what_may_be_an_employers_domain() -> None:
    decision = decided(
        mail("from: X@mail.stranger.example to: rep@ours.example cc: y@gmail.com x+1@mail.stranger.example")
    )
    assert (decision.rule, decision.facts) == ("no_known_contact", "2 outside addresses")
    names = ("x@mail.stranger.example", "y@gmail.com", "@mail.stranger.example", "@stranger.example")
    assert decision.hashes == tuple(keyed(KEY, name) for name in names)
    assert decision.links == ()


def test_no_known_contact_keeps_a_hundred_hashes_at_most() -> None:
    crowd = " ".join(f"p{n}@crowd.example" for n in range(300))
    decision = decided(mail(f"from: rep@ours.example to: {crowd}"), replace(OURS, max_recipients=1000))
    assert decision.facts == "300 outside addresses"
    assert len(set(decision.hashes)) == 101, "and the domain"


@pytest.mark.parametrize("who", ["", "to: undisclosed-recipients:;", "from: someone to: rep@ours.example"])
def test_a_mail_whose_people_cannot_be_read_has_no_known_contact(who: str) -> None:
    assert outcome(mail(who)) == ("no_known_contact", "no outside address that can be read")


def test_a_stranger_at_the_domain_of_a_known_account_is_logged() -> None:
    assert outcome(mail("from: new@client.example to: rep@ours.example"))[0] == "logged"


def test_a_false_address_in_a_display_name_matches_nobody() -> None:
    disguised = Participant(Role.FROM, "x@stranger.example", "jane@client.example")
    assert outcome(mail([disguised, *people("to: rep@ours.example")]))[0] == "no_known_contact"


# ------------------------------------------------------------------------------------------------ direction


@pytest.mark.parametrize(
    ("who", "direction"),
    [
        ("from: rep@ours.example to: jane@client.example", Direction.OUTBOUND),
        ("from: rep@elsewhere.example bcc: jane@client.example", Direction.OUTBOUND),
        ("sender: rep@ours.example to: jane@client.example", Direction.OUTBOUND),
        ("from: jane@client.example to: rep@ours.example", Direction.INBOUND),
        ("from: jane@client.example sender: rep@ours.example to: rep@ours.example", Direction.INBOUND),
        ("from: rep@ours.example to: jane@client.example reply-to: jane@client.example", Direction.OUTBOUND),
    ],
)
def test_outbound_is_what_one_of_us_wrote(who: str, direction: Direction) -> None:
    assert decided(mail(who)).direction is direction


def test_a_mail_that_we_got_by_bcc_is_inbound() -> None:
    assert decided(mail("from: jane@client.example to: joe@client.example")).direction is Direction.INBOUND


def test_a_web_form_in_our_own_name_is_inbound_from_whom_it_answers_to() -> None:
    form = mail("from: web@ours.example to: rep@ours.example reply-to: jane@client.example")
    assert decided(form).direction is Direction.INBOUND


# ----------------------------------------------------------------------------------------------- properties

ADDRESSES = st.one_of(
    st.sampled_from(["jane@client.example", "x@stranger.example", "rep@ours.example", "info@client.example", "nobody"]),
    st.text(max_size=20),
)
PARTICIPANTS = st.lists(st.builds(Participant, st.sampled_from(Role), ADDRESSES, st.text(max_size=10)), max_size=6)
SECRET = "the secret subject"
HEADERS = st.dictionaries(
    st.sampled_from(["auto-submitted", "sensitivity", "content-type", "precedence", "list-id"]),
    st.one_of(st.sampled_from(["private", "text/calendar", "auto-replied", "bulk"]), st.text(max_size=20)),
)
LISTS = st.lists(ADDRESSES, max_size=3).map(tuple)


@given(PARTICIPANTS, HEADERS, LISTS)
def test_every_mail_gets_one_decision_that_gives_nothing_away(
    participants: list[Participant], headers: dict[str, str], never_log: tuple[str, ...]
) -> None:
    message = mail(participants, headers=headers, subject=SECRET)
    decision = decided(message, replace(OURS, never_log=never_log))
    assert decision.verdict in (Verdict.LOGGED, Verdict.SKIPPED)
    assert "@" not in decision.facts
    assert SECRET not in decision.facts
    assert bool(decision.links) == (decision.verdict == Verdict.LOGGED)


@given(PARTICIPANTS.flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_what_is_linked_does_not_depend_on_the_order_of_the_recipients(
    orders: tuple[list[Participant], list[Participant]],
) -> None:
    one, other = (decided(mail([*people("from: rep@ours.example"), *each])) for each in orders)
    assert one == other
