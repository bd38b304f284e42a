"""Which folders are read: by their use, by their name in any language, and by what the admin says."""

from __future__ import annotations

import pytest
from imapclient import imap_utf7

from connectors.imap_folders import Folder, discovered
from connectors.imap_scan import Response
from connectors.imap_settings import Settings


def found(
    *lines: str, gmail: bool = False, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
) -> dict[str, str]:
    """Each folder's name and why it is not read."""
    settings = Settings(host="imap.example.com", user="anna", include=include, exclude=exclude)
    responses: list[Response] = [(imap_utf7.encode(line),) for line in lines]
    return {folder.name: folder.excluded for folder in discovered(responses, settings, gmail=gmail)}


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("\\Junk", "junk"), ("\\TRASH", "bin"), ("\\drafts", "drafts"), ("\\All", "repeats other folders"),
        ("\\Flagged", "repeats other folders"), ("\\Important", "repeats other folders"),
        ("\\Sent", ""), ("\\Archive", ""), ("\\HasChildren \\Marked", ""),
    ],
)  # fmt: skip
def test_a_special_use_in_any_case_decides(attribute: str, reason: str) -> None:
    assert found(f'* LIST ({attribute}) "/" "Some folder"') == {"Some folder": reason}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Papierkorb", "bin"), ("Gelöschte Elemente", "bin"), ("INBOX/Корзина", "bin"), ("ゴミ箱", "bin"),
        ("INBOX.Trash", ""), ("Courrier indésirable", "junk"), ("Courrier inde\u0301sirable", "junk"),
        ("JUNK E-MAIL", "junk"), ("Entwürfe", "drafts"), ("Черновики", "drafts"), ("下書き", "drafts"),
        ("Trash/2024", "bin"), ("Projects/Drafts", ""), ("Spam reports", ""), ("Sent", ""), ("Gesendet", ""),
    ],
)  # fmt: skip
def test_where_no_use_is_given_the_name_decides_in_any_language(name: str, reason: str) -> None:
    (excluded,) = found(f'* LIST () "/" "{name}"').values()
    assert excluded == reason


def test_the_prefix_that_some_servers_put_before_every_folder_is_no_part_of_the_name() -> None:
    assert found('* LIST () "." "INBOX.Trash"', '* LIST () "." "INBOX.Sent"', '* LIST () "." INBOX') == {
        "INBOX.Trash": "bin",
        "INBOX.Sent": "",
        "INBOX": "",
    }


def test_a_folder_that_cannot_be_selected_is_none() -> None:
    assert found('* LIST (\\NoSelect) "/" "[Gmail]"', '* LIST (\\NonExistent) "/" "gone"', '* LIST () NIL "flat"') == {
        "flat": ""
    }


def test_the_inbox_is_the_inbox_in_any_case_and_others_differ_by_case() -> None:
    assert set(found('* LIST () "/" "Inbox"', '* LIST () "/" "sales"', '* LIST () "/" "Sales"')) == {
        "INBOX",
        "sales",
        "Sales",
    }


def test_of_gmail_only_all_mail_is_read() -> None:
    folders = found(
        '* LIST () "/" "INBOX"', '* LIST (\\All) "/" "[Gmail]/All Mail"', '* LIST (\\Trash) "/" "[Gmail]/Bin"',
        '* LIST () "/" "Customers"', gmail=True,
    )  # fmt: skip
    assert [name for name, reason in folders.items() if not reason] == ["[Gmail]/All Mail"]


def test_of_another_server_all_mail_is_the_one_that_is_not_read() -> None:
    assert found('* LIST () "/" "INBOX"', '* LIST (\\All) "/" "All Mail"') == {
        "INBOX": "",
        "All Mail": "repeats other folders",
    }


def test_what_the_admin_includes_is_read_whatever_it_is_and_nothing_else() -> None:
    lines = ('* LIST () "." "INBOX"', '* LIST (\\Junk) "." "INBOX.Spam"', '* LIST () "." "INBOX.Kunden.Alt"')
    assert found(*lines, include=("spam", "Kunden")) == {
        "INBOX": "folder_excluded",
        "INBOX.Spam": "",
        "INBOX.Kunden.Alt": "",
    }
    assert found(*lines, include=("Kunden",), exclude=("Kunden/Alt",))["INBOX.Kunden.Alt"] == "folder_excluded"


@pytest.mark.parametrize(
    ("response", "name"),
    [
        ((b'* LIST () "/" {9}', b'Say "hi"\\', b""), 'Say "hi"\\'),
        ((b'* LIST () "/" "Say \\"hi\\"\\\\"',), 'Say "hi"\\'),
        ((b'* list () "/" Kunden&AMQ-',), "KundenÄ"),
        ((b'* LIST () "/" a[b',), "a[b"),
        ((b'* LIST () "\\\\" "x\\\\y"',), "x\\y"),
        ((b'* LIST () "/" "K\xc3\xa4se"',), "Käse"),
        ((b'* LIST () "/" "K\xe4se"',), "Käse"),
        ((b'* LIST () "/" "broken &zzz"',), None),
        ((b'* LIST () "/" "x" ("CHILDINFO" ("SUBSCRIBED"))',), "x"),
    ],
)
def test_a_name_is_read_however_it_is_spelled(response: Response, name: str | None) -> None:
    (folder,) = discovered([response], Settings(host="imap.example.com", user="anna"), gmail=False)
    assert isinstance(folder, Folder)
    if name is not None:
        assert folder.name == name


@pytest.mark.parametrize("raw", [b"a\r\ns9 LOGOUT", b"nul\0", b"line\n"])
def test_a_name_that_would_begin_another_command_is_no_folder(raw: bytes) -> None:
    assert not discovered(
        [(b'* LIST () "/" {9}', raw, b"")], Settings(host="imap.example.com", user="anna"), gmail=False
    )
