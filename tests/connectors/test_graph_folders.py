"""The folders of a mailbox at Microsoft 365: which there are, what they are called, and which are never read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from syncd.errors import CursorExpired, Retryable
from tests.connectors.contract import Reader
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_query import Refused


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


def _streams(world: GraphWorld) -> dict[str, str]:
    return {stream.name: stream.excluded for stream in world.account().streams() if stream.kind == "mail"}


def _read(world: GraphWorld) -> set[str]:
    return {name for name, excluded in _streams(world).items() if not excluded}


def test_junk_drafts_bin_and_chats_are_shown_and_not_read(world: GraphWorld) -> None:
    assert _streams(world) == {
        "Inbox": "", "Sent Items": "", "Archive": "", "Drafts": "drafts", "Outbox": "drafts", "Deleted Items": "bin",
        "Junk Email": "junk", "Conversation History": "chats",
    }  # fmt: skip


def test_the_language_of_outlook_changes_no_name_of_a_known_folder(world: GraphWorld) -> None:
    before = _streams(world)
    for alias, name in (("inbox", "Posteingang"), ("sentitems", "Gesendete Elemente"), ("junkemail", "Junk-E-Mail")):
        world.mailbox.rename(world.mailbox.folder(alias), name)
    assert _streams(world) == before


def test_folders_are_found_at_any_depth(world: GraphWorld) -> None:
    world.mailbox.add_folder("Customers", "inbox")
    world.mailbox.add_folder("2026", "Customers")
    for number in range(30):
        world.mailbox.add_folder(f"Project {number:02}")
    names = _read(world)
    assert {"Inbox/Customers", "Inbox/Customers/2026", "Project 00", "Project 29"} <= names


def test_what_lies_in_the_bin_was_thrown_away_with_its_folder(world: GraphWorld) -> None:
    world.mailbox.add_folder("Old customers", "deleteditems")
    assert _streams(world)["Deleted Items/Old customers"] == "bin"


def test_hidden_folders_and_searches_are_not_read(world: GraphWorld) -> None:
    world.mailbox.add_folder("Quick Step Settings", hidden=True)
    world.mailbox.add_folder("Unread from customers", "inbox", search=True)
    streams = _streams(world)
    assert streams["Quick Step Settings"] == "hidden"
    assert streams["Inbox/Unread from customers"] == "repeats other folders"


def test_two_folders_of_one_name_and_one_with_a_slash_are_told_apart(world: GraphWorld) -> None:
    world.mailbox.add_folder("Sales")
    world.mailbox.add_folder("Sales")
    world.mailbox.add_folder("Offers/2026")
    world.mailbox.add_folder("calendar")
    names = [name for name in _streams(world) if name.startswith(("Sales", "Offers"))]
    assert len(set(names)) == 3
    assert "calendar" not in _streams(world)
    assert all("/" not in name for name in names)


def test_only_the_folders_asked_for_are_read(world: GraphWorld) -> None:
    world.mailbox.add_folder("Customers", "inbox")
    world.mailbox.add_folder("Private", "inbox")
    world.settings = replace(world.settings, include=("inbox",), exclude=("Inbox/Private",))
    assert _read(world) == {"Inbox", "Inbox/Customers"}


def test_the_next_look_asks_only_for_what_has_changed(world: GraphWorld) -> None:
    account = world.account()
    account.streams()
    world.cloud.graph.requests.clear()
    made = world.mailbox.add_folder("Customers")
    assert "Customers" in [stream.name for stream in account.streams()]
    world.mailbox.rename(made, "Clients", world.mailbox.folder("inbox"))
    assert "Inbox/Clients" in [stream.name for stream in account.streams()]
    world.mailbox.remove_folder(made)
    assert "Inbox/Clients" not in [stream.name for stream in account.streams()]
    assert len(world.cloud.graph.requests) == 3


def test_a_list_of_folders_that_expired_is_fetched_anew(world: GraphWorld) -> None:
    account = world.account()
    account.streams()
    world.mailbox.add_folder("Customers")
    world.cloud.graph.deltas.expire(Refused(410, "SyncStateNotFound", "It is not found."))
    assert "Customers" in [stream.name for stream in account.streams()]


def test_a_mailbox_without_an_inbox_is_a_fault_of_the_moment(world: GraphWorld) -> None:
    world.mailbox.folders.remove(world.mailbox.folder("inbox"))
    with pytest.raises(Retryable) as raised:
        world.account().streams()
    assert raised.value.cure


def test_a_folder_made_anew_under_its_old_name_is_read_from_the_beginning(world: GraphWorld) -> None:
    made = world.mailbox.add_folder("Customers")
    world.mailbox.deliver("1@example.org", folder="Customers")
    world.folder = "Customers"
    reader = Reader(world)
    reader.whole_pass()
    world.mailbox.remove_folder(made)
    world.mailbox.add_folder("Customers")
    world.mailbox.deliver("2@example.org", folder="Customers")
    with pytest.raises(CursorExpired):
        reader.whole_pass()
    reader.cursor = None
    reader.whole_pass()
    assert reader.keys == ["2@example.org"]


def test_a_folder_that_goes_away_during_the_pass_is_looked_for_in_the_next(world: GraphWorld) -> None:
    made = world.mailbox.add_folder("Customers")
    world.folder = "Customers"
    reader = Reader(world)
    stream = reader.stream()
    world.mailbox.remove_folder(made)
    with pytest.raises(Retryable):
        list(reader.batches(stream))


def test_a_folder_that_was_moved_brings_its_mail_along_under_the_same_ids(world: GraphWorld) -> None:
    made = world.mailbox.add_folder("Customers")
    world.mailbox.deliver("1@example.org", folder="Customers")
    world.folder = "Customers"
    before = Reader(world)
    before.whole_pass()
    world.mailbox.rename(made, "Customers", world.mailbox.folder("archive"))
    world.folder = "Archive/Customers"
    after = Reader(world)
    after.whole_pass()
    assert after.seen == before.seen
