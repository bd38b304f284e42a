"""A configuration that is right becomes values; one that is wrong is answered with every problem and what to type."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import KINDS
from syncd import config
from syncd.errors import ConfigError
from syncd.model import Level

HEAD = """
[store]
url = "sqlite:///syncd.db"

[organisation]
domains = ["example.com"]
"""
ANNA = """
[[mailboxes]]
name = "anna"
owner = "anna@example.com"
kind = "imap"
host = "imap.example.com"
user = "anna@example.com"
secret = "file:anna.secret"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(written(folder, text))
    return list(caught.value.problems)


def test_a_small_file_is_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, HEAD + ANNA))

    assert loaded.store.url == f"sqlite:///{tmp_path}/syncd.db"
    assert loaded.daemon.workers == 64
    assert loaded.daemon.interval_max == timedelta(minutes=15)
    assert loaded.daemon.listen == ""
    assert loaded.directory is None
    (anna,) = loaded.mailboxes
    assert (anna.name, anna.kind, anna.enabled, anna.level) == ("anna", "imap", True, Level.SUBJECT)
    assert anna.reach == timedelta(days=180)
    assert anna.secret == f"file:{tmp_path}/anna.secret"
    assert getattr(anna.settings, "host") == "imap.example.com"  # noqa: B009 - settings are opaque to the configuration


def test_every_problem_is_reported_at_once_with_its_place_and_what_to_type(tmp_path: Path) -> None:
    text = """
[store]
url = "mysql://db.example.com/x"
[daemon]
workers = "64"
interval_min = 5
log_format = "xml"
[organisation]
domains = ["gmail.com"]
level = "everything"
[[mailboxes]]
name = "anna"
owner = "anna@example.com"
kind = "imap"
host = "imap.example.com"
user = "anna@example.com"
port = "993"
"""
    assert problems(tmp_path, text) == [
        'config.toml: store: url: must begin with "sqlite:///" or "postgresql://",'
        ' such as "sqlite:////var/lib/syncd/syncd.db"',
        "config.toml: daemon: workers: must be a whole number without quotes",
        'config.toml: daemon: interval_min: must be a number and a unit in quotes: "30s", "5m", "12h", "180d" or "2w"',
        "config.toml: daemon: log_format: must be 'human' or 'json'",
        "config.toml: organisation: domains[1]: is a free-mail domain that strangers use too;"
        ' list your own addresses there as "aliases"',
        'config.toml: organisation: level: must be "private", "metadata", "subject" or "full"',
        'config.toml: mailboxes[1] "anna": port: must be a whole number without quotes',
        'config.toml: mailboxes[1] "anna": secret: is missing; add secret = "file:/etc/syncd/anna.secret"',
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('secret = "hunter2"', "secret: must name the secret, not be it"),
        ('secret = "file:"', "secret: must name the secret, not be it"),
        ('password = "hunter2"', "password: is no setting; use secret, which must name the secret"),
    ],
)
def test_a_secret_that_is_written_out_is_refused_without_being_shown(tmp_path: Path, line: str, words: str) -> None:
    said = "\n".join(problems(tmp_path, HEAD + ANNA.replace('secret = "file:anna.secret"', line)))

    assert words in said
    assert '"file:/etc/syncd/anna.secret"' in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "url", ["postgresql://syncd:hunter2@db.example.com/crm", "postgresql://db.example.com/crm?password=hunter2"]
)
def test_a_password_in_a_database_url_is_refused_without_being_shown(tmp_path: Path, url: str) -> None:
    (said,) = problems(tmp_path, HEAD.replace("sqlite:///syncd.db", url))

    assert 'take it out and name it: password = "file:/etc/syncd/db.secret"' in said
    assert "hunter2" not in said


@pytest.mark.parametrize("url", ["sqlite://syncd.db", "sqlite:///", "sqlite:syncd.db", "mysql://db.example.com/crm"])
def test_a_database_url_that_names_no_store_is_refused_with_one_that_does(tmp_path: Path, url: str) -> None:
    (said,) = problems(tmp_path, HEAD.replace("sqlite:///syncd.db", url))

    assert said.startswith('config.toml: store: url: must begin with "sqlite:///" or "postgresql://"')


@given(secret=st.text("0123456789Q", min_size=12, max_size=30))
def test_no_problem_ever_repeats_a_value(secret: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = f"""
[store]
url = "{secret}"
[daemon]
interval_min = "{secret}"
listen = "{secret}"
[organisation]
domains = ["{secret} {secret}"]
never_log = ["{secret}"]
[directory]
kind = "{secret}"
contacts = "x"
region = "{secret}"
[[mailboxes]]
name = "anna"
owner = "{secret}"
kind = "imap"
host = ["{secret}"]
port = "{secret}"
secret = "{secret}"
"""
    said = "\n".join(problems(tmp_path_factory.mktemp("config"), text))

    assert secret not in said


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("[store]\nurll = 1\n", "[store]: urll: is no setting; did you mean url?"),
        ("[store]\nworkers = 4\n", "[store]: workers: does not belong here; move it to [daemon]"),
        ("[stroe]\nx = 1\n", "stroe: is no setting; did you mean store?"),
        ("workers = 4\n", "workers: does not belong here; move it to [daemon]"),
        ("daemon = 4\n", "daemon: must be a section; write [daemon] on a line of its own"),
        ("[mailboxes]\nname = 'a'\n", "mailboxes: must be [[mailboxes]] with two brackets, once for each mailbox"),
        ("", "store: is missing; add a [store] section"),
        ("[directory]\nkind = 'sql'\ncontacts = 'SELECT 1'\n", "directory: url is missing; add the CRM's database"),
        ("[directory]\nkind = 'csv'\n", 'directory: contacts: is missing; add contacts = "contacts.csv"'),
        ("[directory]\nkind = 'google'\n", 'directory: mailboxes: is missing; name those of kind "google"'),
        ("[directory]\nkind = 'google'\nmailboxes = ['ana']\n", 'mailboxes: there is no mailbox "ana"; add its block'),
        (
            "[directory]\nkind = 'microsoft365'\nmailboxes = ['anna']\nother_contacts = true\n",
            'other_contacts is for kind = "google", and not for "microsoft365"',
        ),
        (
            "[directory]\nkind = 'google'\nmailboxes = ['anna']\ncontacts = 'people.csv'\n",
            'contacts is for kind = "csv" or "vcard" or "sql"',
        ),
        ("[daemon]\ninterval_min = '1h'\n", "daemon: interval_min must not be longer than interval_max"),
        ("[daemon]\nworkers = 0\n", "daemon: workers: must be at least 1"),
        ("[daemon]\nlisten = '9464'\n", "daemon: listen: must be an address and a port"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(tmp_path: Path, wrong: str, words: str) -> None:
    assert any(words in problem for problem in problems(tmp_path, wrong))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ana", 'directory: mailboxes: there is no mailbox "ana"; did you mean anna?'),
        ("anna", 'directory: mailboxes: "anna" is of kind = "imap", and the contacts are to come from "google"'),
    ],
)
def test_the_mailboxes_whose_contacts_are_meant_are_registered(tmp_path: Path, name: str, words: str) -> None:
    source = f'[directory]\nkind = "google"\nmailboxes = ["{name}"]\n'
    assert problems(tmp_path, HEAD + source + ANNA) == [f"config.toml: {words}"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "imap"', 'kind = "imp"', f"kind: must be one of: {', '.join(sorted(KINDS))}; did you mean imap?"),
        ('host = "imap.example.com"', 'hots = "imap.example.com"', "hots: is no setting; did you mean host?"),
        ('owner = "anna@example.com"', 'owner = "sales"', "owner must be an email address, or the name of a team"),
        ('kind = "imap"', 'kind = "imap"\nbackfill = "0d"', "backfill: must be longer than nothing"),
        ('kind = "imap"', 'kind = "imap"\naliases = ["anna"]', "aliases[1]: must be an email address"),
        (
            'kind = "imap"',
            'kind = "imap"\nnever_log = ["example.org"]',
            "never_log[1]: must be an address or an @domain",
        ),
        ('kind = "imap"', 'kind = "imap"\nexclude = "Private"', "exclude: must be a list in brackets"),
        ('kind = "imap"', 'kind = "imap"\nenabled = "no"', "enabled: must be true or false, without quotes"),
    ],
)
def test_a_mailbox_that_is_wrong_is_named_with_the_cure(tmp_path: Path, old: str, new: str, words: str) -> None:
    said = problems(tmp_path, HEAD + ANNA.replace(old, new))

    assert any(problem.startswith(f'config.toml: mailboxes[1] "anna": {words}') for problem in said)


def test_two_mailboxes_of_one_name_or_of_one_account_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + ANNA + ANNA) == [
        'config.toml: mailboxes[2] "anna": name: is taken by mailboxes[1]; give each mailbox its own',
        'config.toml: mailboxes[2] "anna": is the same account as mailboxes[1] "anna"; change its user or remove it',
    ]


def test_a_syntax_error_names_its_line_and_column(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "[store]\nurl = sqlite\n")

    assert said.startswith("config.toml: ")
    assert "line 2, column 7" in said


def test_a_file_that_is_not_there_is_answered_with_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="syncd init --path"):
        config.load(tmp_path / "config.toml")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(HEAD, encoding="utf-8-sig")

    assert config.load(path).organisation.domains == ("example.com",)


def test_a_mailbox_takes_the_level_of_the_organisation_unless_it_has_its_own(tmp_path: Path) -> None:
    bob = ANNA.replace("anna", "bob") + 'level = "metadata"\n'
    loaded = config.load(written(tmp_path, HEAD + 'level = "full"\n' + ANNA + bob))

    assert [mailbox.level for mailbox in loaded.mailboxes] == [Level.FULL, Level.METADATA]


def test_a_shared_mailbox_belongs_to_a_team_with_members(tmp_path: Path) -> None:
    team = ANNA.replace('owner = "anna@example.com"', 'owner = "sales"\nmembers = ["bob@example.com"]')
    (shared,) = config.load(written(tmp_path, HEAD + team)).mailboxes

    assert (shared.owner, shared.members) == ("sales", ("bob@example.com",))


def test_the_policy_knows_the_own_addresses_of_all_mailboxes_and_only_this_ones_private_list(tmp_path: Path) -> None:
    anna = ANNA + 'aliases = ["Anna.Privat@example.org"]\nnever_log = ["@bank.example"]\nexclude = ["Private"]\n'
    bob = ANNA.replace("anna", "bob") + 'never_log = ["doctor@example.net"]\n'
    head = HEAD + 'never_log = ["@lawyer.example"]\noutsiders = ["freelancer@example.com"]\nmax_recipients = 30\n'
    loaded = config.load(written(tmp_path, head + anna + bob))

    rules = config.policy(loaded, loaded.mailboxes[0], b"k" * 32)

    assert rules.own_domains == {"example.com"}
    assert rules.own_addresses == {"anna@example.com", "anna.privat@example.org", "bob@example.com"}
    assert rules.outsiders == {"freelancer@example.com"}
    assert rules.never_log == ("@lawyer.example",)
    assert rules.never_log_personal == ("@bank.example",)
    assert rules.excluded_folders == {"Private"}
    assert (rules.max_recipients, rules.key) == (30, b"k" * 32)
    # A thousand mailboxes must not hold a thousand sets of a thousand addresses.
    assert config.policy(loaded, loaded.mailboxes[1], b"k" * 32).own_addresses is rules.own_addresses


def test_a_mailbox_that_a_person_signs_in_to_needs_no_secret_and_one_of_an_app_does(tmp_path: Path) -> None:
    block = """
[[mailboxes]]
name = "dora"
owner = "dora@example.com"
kind = "microsoft365"
user = "dora@example.com"
tenant = "example.com"
client_id = "7d0f5a3e-0000-4000-8000-00000000d0ca"
"""
    assert config.load(written(tmp_path, HEAD + block + 'sign_in = "user"\n')).mailboxes[0].secret is None
    (said,) = problems(tmp_path, HEAD + block)
    assert "secret: is missing" in said
