"""One registration for many mailboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd import config
from syncd.config.groups import completed
from syncd.errors import ConfigError

HEAD = '[store]\nurl = "sqlite:///syncd.db"\n[organisation]\ndomains = ["example.com"]\n'
OFFICE = '[[mailboxes]]\nname = "office"\nkind = "google"\nsecret = "file:key.json"\nexclude = ["Private"]\n'
USERS = 'users = ["anna@example.com", "ben@example.com"]\n'
DOMAIN = 'domain = "example.com"\nuser = "admin@example.com"\n'


def load(folder: Path, *blocks: str) -> config.Config:
    path = folder / "config.toml"
    path.write_text(HEAD + "".join(blocks))
    return config.load(path)


def problems(folder: Path, *blocks: str) -> str:
    with pytest.raises(ConfigError) as raised:
        load(folder, *blocks)
    (problem,) = raised.value.problems
    return problem


def test_a_list_of_users_is_a_mailbox_for_each(tmp_path: Path) -> None:
    anna, ben = load(tmp_path, OFFICE, USERS).mailboxes
    assert (anna.name, anna.owner) == ("office/anna@example.com", "anna@example.com")
    assert (ben.name, ben.owner) == ("office/ben@example.com", "ben@example.com")
    assert anna.secret == ben.secret == f"file:{tmp_path / 'key.json'}"
    assert anna.settings != ben.settings


def test_all_of_them_are_own_addresses(tmp_path: Path) -> None:
    assert load(tmp_path, OFFICE, USERS).own_addresses >= {"anna@example.com", "ben@example.com"}


def test_a_domain_has_no_mailbox_until_its_users_are_known(tmp_path: Path) -> None:
    loaded = load(tmp_path, OFFICE, DOMAIN)
    assert loaded.mailboxes == ()
    whole = completed(loaded, {"office": ["anna@example.com", "ben@example.com"]})
    assert [mailbox.name for mailbox in whole.mailboxes] == ["office/anna@example.com", "office/ben@example.com"]


def test_who_joins_or_leaves_a_domain_is_followed(tmp_path: Path) -> None:
    loaded = load(tmp_path, OFFICE, DOMAIN)
    before = completed(loaded, {"office": ["anna@example.com", "ben@example.com"]})
    after = completed(before, {"office": ["ben@example.com", "carl@example.com"]})
    assert [mailbox.name for mailbox in after.mailboxes] == ["office/ben@example.com", "office/carl@example.com"]
    assert after.mailboxes[0] == before.mailboxes[1]


def test_a_user_with_a_registration_of_their_own_keeps_it(tmp_path: Path) -> None:
    own = OFFICE.replace("office", "anna") + 'owner = "anna@example.com"\nuser = "Anna@example.com"\n'
    whole = completed(load(tmp_path, OFFICE, DOMAIN, own), {"office": ["anna@example.com", "ben@example.com"]})
    assert [mailbox.name for mailbox in whole.mailboxes] == ["anna", "office/ben@example.com"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (USERS + DOMAIN, "two ways to say the same"),
        (USERS + 'owner = "anna@example.com"\n', "owner: does not belong here"),
        (USERS + 'user = "anna@example.com"\n', "user: does not belong here"),
        ("users = []\n", "users must be a list of addresses"),
        ('users = ["anna"]\n', "users must be a list of addresses"),
        ('users = "anna@example.com"\n', "users must be a list of addresses"),
        ('users = ["anna@example.com", "Anna@example.com"]\n', "names somebody twice"),
        ('domain = "example"\nuser = "admin@example.com"\n', "domain must be a domain"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused_in_words(tmp_path: Path, lines: str, said: str) -> None:
    assert said in problems(tmp_path, OFFICE, lines)


def test_a_kind_whose_secret_opens_one_mailbox_has_no_users(tmp_path: Path) -> None:
    imap = '[[mailboxes]]\nname = "office"\nkind = "imap"\nhost = "imap.example.com"\nsecret = "file:s"\n'
    assert 'not for "imap"' in problems(tmp_path, imap, USERS)
