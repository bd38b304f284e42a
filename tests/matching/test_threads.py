"""Threads are the connected components of the nodes of matching.identity.thread_keys."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from matching.identity import thread_keys
from syncd.model import Message
from tests.matching.letters import KEY, mail


def threads(messages: Iterable[Message]) -> set[frozenset[str]]:
    """Join what shares a node, as the store does, and name each mail by its id."""
    found: list[tuple[set[bytes], set[str]]] = []
    for message in messages:
        nodes, members = set(thread_keys(message, KEY)), {str(message.id)}
        apart = []
        for others, theirs in found:
            if others & nodes:
                nodes |= others
                members |= theirs
            else:
                apart.append((others, theirs))
        found = [*apart, (nodes, members)]
    return {frozenset(members) for _, members in found}


def letter(name: str, *, to: str | None = None, references: tuple[str, ...] = (), subject: str = "Offer") -> Message:
    return mail(id=name, message_id=f"{name}@x", in_reply_to=to and f"{to}@x", references=references, subject=subject)


def one(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_a_reply_is_in_the_thread_of_what_it_answers() -> None:
    assert threads([letter("a"), letter("b", to="a", subject="Re: Offer")]) == {one("a", "b")}


def test_a_reply_under_another_subject_stays_in_the_thread() -> None:
    assert threads([letter("a"), letter("b", to="a", subject="Now the order")]) == {one("a", "b")}


def test_mails_of_one_subject_are_no_thread_by_that() -> None:
    assert threads([letter("a"), letter("b")]) == {one("a"), one("b")}


def test_two_answers_to_a_mail_that_nobody_saw_are_one_thread() -> None:
    assert threads([letter("b", to="a"), letter("c", to="a")]) == {one("b", "c")}


def test_references_bridge_a_mail_that_nobody_saw() -> None:
    late = letter("d", to="c", references=("a@x", "b@x", "c@x"), subject="AW: Offer")
    assert threads([letter("a"), late]) == {one("a", "d")}


def test_recycled_references_under_another_subject_join_nothing() -> None:
    """A new subject on an old References list is a new conversation, and a forged list must not enter one."""
    forged = letter("z", references=("a@x",), subject="You have won")
    assert threads([letter("a"), letter("b", to="a"), forged]) == {one("a", "b"), one("z")}


def test_the_first_reference_counts_however_long_the_list_is() -> None:
    references = ("a@x", *(f"{n}@x" for n in range(500)))
    late = letter("z", references=references)
    assert threads([letter("a"), late]) == {one("a", "z")}
    assert len(thread_keys(late, KEY)) < 30


def test_ids_are_compared_without_brackets_and_folds() -> None:
    assert threads([letter("a"), letter("b", references=("<a@x>",)), letter("c", references=("\r\n a@x",))]) == {
        one("a", "b", "c")
    }


def test_a_none_written_as_text_joins_nothing() -> None:
    first = mail(id="a", message_id="a@x", in_reply_to="None", references=("None", ""))
    other = mail(id="b", message_id="b@x", in_reply_to="None", references=("None", ""))
    assert threads([first, other]) == {one("a"), one("b")}


def test_mails_without_any_id_are_threads_of_their_own() -> None:
    first = mail(id="a", message_id=None, subject="")
    other = mail("from: joe@client.example to: rep@ours.example", id="b", message_id=None, subject="")
    assert threads([first, other]) == {one("a"), one("b")}


def test_a_mail_that_answers_itself_is_one_node_the_fewer() -> None:
    assert threads([letter("a", to="a", references=("a@x", "a@x"))]) == {one("a")}


NAMES = "abcdef"
LETTERS = st.builds(
    lambda name, to, references, subject: letter(name, to=to, references=tuple(references), subject=subject),
    name=st.sampled_from(NAMES),
    to=st.sampled_from([None, *NAMES]),
    references=st.lists(st.sampled_from([f"{name}@x" for name in NAMES]), max_size=3),
    subject=st.sampled_from(["Offer", "Re: Offer", "Order", ""]),
)


MAILBOXES = st.lists(LETTERS, max_size=8, unique_by=lambda message: message.id)


@given(MAILBOXES.flatmap(lambda messages: st.tuples(st.just(messages), st.permutations(messages))))
def test_threads_do_not_depend_on_the_order_of_arrival(orders: tuple[list[Message], list[Message]]) -> None:
    one_order, another = orders
    assert threads(one_order) == threads(another)


@given(LETTERS)
def test_a_mail_always_has_a_node_of_its_own(message: Message) -> None:
    keys = thread_keys(message, KEY)
    assert len(keys) == len(set(keys)) > 0
