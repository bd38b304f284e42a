"""Whom a mail concerns, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.contacts import links, lookups, written
from matching.parties import Parties
from syncd.model import Contact, Directory, Link, LinkState, Opportunity, Policy
from tests.matching.letters import NOON, OURS, mail

DAY = timedelta(days=1)
JANE = Contact("jane", "client")
JOE = Contact("joe", "client")
ANN = Contact("ann", "other")
SOLO = Contact("solo", None)

DIRECTORY = Directory(
    contacts={
        "jane@client.example": (JANE,),
        "jane@private.example": (JANE,),
        "joe@client.example": (JOE,),
        "ann@other.example": (ANN,),
        "office@shared.example": (ANN, JANE),
        "desk@client.example": (JANE, JOE),
        "solo@client.example": (SOLO,),
        "worker@ours.example": (ANN,),
    },
    accounts={
        "client.example": ("client",),
        "lab.client.example": ("lab",),
        "twins.example": ("left", "right"),
        "gmail.com": ("slip",),
        "ours.example": ("slip",),
        "co.uk": ("slip",),
    },
    users={"rep@elsewhere.example": "rep"},
)


def found(who: str, directory: Directory = DIRECTORY, policy: Policy = OURS) -> dict[tuple[str, str], str]:
    return {
        (each.entity_kind, each.entity_id): each.reason
        for each in links(mail(who).participants, NOON, Parties(directory, policy))
    }


# ------------------------------------------------------------------------------------------------ contacts


@pytest.mark.parametrize("role", ["from", "sender", "reply-to", "to", "cc", "bcc"])
def test_a_contact_in_any_role_is_linked_with_that_role(role: str) -> None:
    assert found(f"{role}: Jane+x@CLIENT.example")["contact", "jane"] == f"{role} address"


def test_a_contact_in_several_roles_is_linked_by_the_weightiest() -> None:
    assert (
        found("cc: jane@client.example to: jane@private.example from: x@y.example")["contact", "jane"] == "to address"
    )


def test_every_contact_that_shares_an_address_is_linked_as_ambiguous() -> None:
    reasons = found("from: office@shared.example to: rep@ours.example")
    assert reasons == {
        ("contact", "ann"): "from address (ambiguous)",
        ("contact", "jane"): "from address (ambiguous)",
        ("account", "client"): "account of a contact (ambiguous)",
        ("account", "other"): "account of a contact (ambiguous)",
    }


def test_an_address_of_ones_own_is_a_better_reason_than_a_shared_one() -> None:
    reasons = found("from: office@shared.example cc: jane@client.example")
    assert reasons["contact", "jane"] == "cc address"
    assert reasons["contact", "ann"] == "from address (ambiguous)"
    assert reasons["account", "client"] == "account of a contact"


def test_contacts_that_share_an_address_and_an_account_leave_no_doubt_about_the_account() -> None:
    assert found("from: desk@client.example")["account", "client"] == "account of a contact"


def test_a_colleague_is_not_linked_though_a_contact_has_that_address() -> None:
    assert found("from: worker@ours.example to: nobody@nowhere.example") == {}


def test_a_contractor_at_our_own_domain_is_linked_when_the_policy_says_so() -> None:
    policy = replace(OURS, outsiders=frozenset({"worker@ours.example"}))
    reasons = found("from: worker@ours.example to: rep@ours.example", policy=policy)
    assert reasons == {("contact", "ann"): "from address", ("account", "other"): "account of a contact"}


@pytest.mark.parametrize("own", ["rep@elsewhere.example", "me@alias.example"])
def test_a_user_on_another_domain_is_never_a_contact(own: str) -> None:
    directory = DIRECTORY._replace(contacts={own: (JANE,)})
    assert found(f"from: {own}", directory, replace(OURS, own_addresses=frozenset({"me@alias.example"}))) == {}


# ------------------------------------------------------------------------------------------------ accounts


def test_a_stranger_at_the_domain_of_an_account_links_it() -> None:
    assert found("from: new@client.example") == {("account", "client"): "domain of client.example"}
    assert found("from: new@mail.client.example") == {("account", "client"): "domain of client.example"}


def test_the_nearest_domain_decides() -> None:
    assert found("from: new@x.lab.client.example") == {("account", "lab"): "domain of lab.client.example"}


def test_a_contact_without_an_account_links_that_of_the_domain() -> None:
    assert found("from: solo@client.example")["account", "client"] == "domain of client.example"


def test_the_account_of_the_contact_goes_before_that_of_the_domain() -> None:
    directory = DIRECTORY._replace(contacts={"ann@client.example": (ANN,)})
    assert found("from: ann@client.example", directory).keys() == {("contact", "ann"), ("account", "other")}


def test_accounts_that_share_a_domain_are_ambiguous() -> None:
    reasons = found("from: new@twins.example")
    assert reasons == {
        ("account", "left"): "domain of twins.example (ambiguous)",
        ("account", "right"): "domain of twins.example (ambiguous)",
    }


@pytest.mark.parametrize("stranger", ["new@gmail.com", "new@googlemail.com", "new@ours.example", "new@firm.co.uk"])
def test_free_mail_own_and_registry_domains_link_no_account(stranger: str) -> None:
    assert found(f"from: {stranger}") == {}


# ------------------------------------------------------------------------------------------- opportunities


def deal(
    id: str, *contacts: str, account: str | None = "client", opened: int = -9, closed: int | None = None
) -> Opportunity:
    closed_at = None if closed is None else NOON + closed * DAY
    return Opportunity(id, account, frozenset(contacts), NOON + opened * DAY, closed_at)


def deals(who: str, *opportunities: Opportunity) -> list[Link]:
    directory = DIRECTORY._replace(opportunities=opportunities)
    return [
        each
        for each in links(mail(who).participants, NOON, Parties(directory, OURS))
        if each.entity_kind == "opportunity"
    ]


FROM_JANE = "from: jane@client.example to: rep@ours.example"


def test_the_only_open_opportunity_of_the_contact_is_linked() -> None:
    assert deals(FROM_JANE, deal("a", "jane"), deal("b", "joe")) == [
        Link("opportunity", "a", "the only open one of the contact")
    ]


def test_the_accounts_opportunity_is_linked_where_the_contact_has_none() -> None:
    assert deals(FROM_JANE, deal("b", "joe"), deal("c", account="other")) == [
        Link("opportunity", "b", "the only open one of the account")
    ]


def test_several_open_opportunities_are_candidates() -> None:
    assert deals(FROM_JANE, deal("b", "jane"), deal("a", "jane"), deal("c")) == [
        Link("opportunity", "a", "one of 2 open ones of the contact", LinkState.CANDIDATE),
        Link("opportunity", "b", "one of 2 open ones of the contact", LinkState.CANDIDATE),
    ]


def test_an_opportunity_counts_only_while_it_was_open() -> None:
    past, future = deal("past", "jane", closed=0), deal("future", "jane", opened=1)
    unknown = Opportunity("unknown", "client", frozenset({"jane"}), None, NOON + DAY)
    assert [each.entity_id for each in deals(FROM_JANE, past, future, unknown)] == ["unknown"]
    assert deals(FROM_JANE, past, future) == []


def test_an_opportunity_of_a_stranger_s_account_is_linked() -> None:
    assert [each.entity_id for each in deals("from: new@client.example", deal("a"))] == ["a"]


# ---------------------------------------------------------------------------------------------- properties

ADDRESSES = st.sampled_from([*DIRECTORY.contacts, "new@client.example", "new@twins.example", "rep@ours.example"])
ROLES = st.sampled_from(["from", "to", "cc", "bcc", "reply-to"])
WHO = st.lists(st.builds("{}: {}".format, ROLES, ADDRESSES), max_size=6)


@given(WHO.flatmap(lambda who: st.tuples(st.just(who), st.permutations(who))))
def test_links_do_not_depend_on_the_order_of_the_participants(orders: tuple[list[str], list[str]]) -> None:
    directory = DIRECTORY._replace(opportunities=(deal("a", "jane"), deal("b", "jane"), deal("c", account="other")))
    one, other = (links(mail(" ".join(who)).participants, NOON, Parties(directory, OURS)) for who in orders)
    assert one == other


@given(WHO)
def test_the_lookups_are_all_that_the_links_need(who: list[str]) -> None:
    message = mail(" ".join(who))
    wanted = lookups(written([message.participants]), OURS)
    looked_up = DIRECTORY._replace(
        contacts={key: value for key, value in DIRECTORY.contacts.items() if key in wanted.addresses},
        accounts={key: value for key, value in DIRECTORY.accounts.items() if key in wanted.domains},
    )
    assert links(message.participants, NOON, Parties(looked_up, OURS)) == links(
        message.participants, NOON, Parties(DIRECTORY, OURS)
    )


def test_lookups_ask_for_parents_and_leave_out_own_and_free_mail_domains() -> None:
    message = mail("from: J@a.client.example to: rep@ours.example cc: joe@gmail.com nobody")
    wanted = lookups(written([message.participants]), OURS)
    assert wanted.addresses == {"j@a.client.example", "rep@ours.example", "joe@gmail.com"}
    assert wanted.domains == {"a.client.example", "client.example"}
