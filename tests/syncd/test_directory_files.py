"""CSV and vCard files as people export them become rows; what does not is named with its line and the reason."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.directory import AccountRow, ContactRow, DirectoryRows, UserRow
from syncd.directory import delimited, vcard
from syncd.directory.records import detect
from syncd.directory.rows import Reader, amount_of, instant_of
from syncd.errors import Permanent


def csv(folder: Path, text: str | bytes, kind: str = "", region: str = "DE") -> tuple[DirectoryRows, list[str]]:
    path = folder / "contacts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    reader = Reader(region)
    kind, records, skipped = delimited.read(path, kind)
    reader.skipped.extend(skipped)
    rows = reader.rows(kind, records)
    return rows, [f"{each.source}:{each.line}: {each.reason}" for each in reader.left_out()]


def cards(folder: Path, text: str) -> tuple[DirectoryRows, list[str]]:
    path = folder / "contacts.vcf"
    path.write_bytes(text.encode())
    records, skipped = vcard.read(path)
    reader = Reader("DE", list(skipped))
    return reader.rows("contacts", records), [f"{each.line}: {each.reason}" for each in reader.left_out()]


JANE = ContactRow(
    external_id="1",
    name="Jane Doe",
    addresses=("jane@example.org", "j.doe@example.net"),
    phones=("+493012345678",),
    account="Acme",
)


@pytest.mark.parametrize(
    "text",
    [
        "id,name,email,email 2,phone,company\n1,Jane Doe,jane@example.org,j.doe@example.net,030 12345678,Acme\n",
        "ID;Name;E-Mail;Telefon;Firma\n1;Jane Doe;jane@example.org, j.doe@example.net;030/12345678;Acme\n",
        'Contact ID,First Name,Last Name,Email,Phone Number,Associated Company\n'
        '1,Jane,Doe,"jane@example.org;j.doe@example.net",+49 30 12345678,Acme\n',
        "UID,First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Value,Organization Name\n"
        "1,Jane,Doe,Work,jane@example.org ::: j.doe@example.net,0049 30 12345678,Acme\n",
        "id\tname\temail\tphone\taccount\n1\tJane Doe\tmailto:jane@example.org|Jane <j.doe@example.net>\t"
        "(030) 12345678\tAcme\n",
    ],
    ids=["plain", "German Excel", "HubSpot", "Google", "tabs and copied addresses"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_exports_of_many_programs_say_the_same(tmp_path: Path, text: str, encoding: str) -> None:
    rows, left_out = csv(tmp_path, text.encode(encoding))

    assert rows.contacts == (JANE,)
    assert rows.accounts == (AccountRow(name="Acme"),)
    assert left_out == []


def test_a_western_windows_page_is_read_where_it_is_not_utf_8(tmp_path: Path) -> None:
    rows, _ = csv(tmp_path, "Name;E-Mail\nJörg Müller;joerg@example.org\n".encode("cp1252"))

    assert rows.contacts[0].name == "Jörg Müller"


def test_each_row_that_is_skipped_has_its_line_and_its_reason(tmp_path: Path) -> None:
    text = (
        "id,name,email,phone\n"
        '1,"Jane\nDoe",jane@example.org,\n'
        "2,Nobody,,\n"
        "\n"
        "1,Twice,twice@example.org,\n"
        "3,Doe, John,john@example.org,\n"
        "4,Bob,not an address,123\n"
    )
    rows, left_out = csv(tmp_path, text)

    assert [row.external_id for row in rows.contacts] == ["1"]
    assert left_out == [
        "contacts.csv:4: has no email address and no phone number that can be used",
        "contacts.csv:6: has the same id as line 2",
        "contacts.csv:7: has 5 columns where the first line has 4: quote what holds a delimiter",
        "contacts.csv:8: 'not an address' is no address",
        "contacts.csv:8: '123' is no phone number",
        "contacts.csv:8: has no email address and no phone number that can be used",
    ]


def test_a_number_without_a_country_is_left_out_with_a_hint_when_no_region_is_set(tmp_path: Path) -> None:
    rows, left_out = csv(tmp_path, "name,email,phone\nJane,jane@example.org,030 12345678\n", region="")

    assert rows.contacts[0].phones == ()
    assert left_out == ["contacts.csv:2: '030 12345678' is no phone number; say which country with region"]


def test_accounts_take_the_host_of_their_website_as_their_domain(tmp_path: Path) -> None:
    rows, _ = csv(tmp_path, "Account ID,Account Name,Website\n7,Acme,https://www.acme.example/about\n8,Bravo,\n")

    assert [(row.external_id, row.name) for row in rows.accounts] == [("7", "Acme"), ("8", "Bravo")]
    assert rows.accounts[0].domains[0].endswith("acme.example")


def test_an_expected_close_date_counts_only_when_the_deal_is_closed(tmp_path: Path) -> None:
    text = (
        "Deal ID,Deal Name,Account Name,Stage,Amount,Currency,Create Date,Close Date,Contact IDs\n"
        '1,Big,Acme,Proposal,"12,500.00",eur,2026-01-02,2026-12-31,c1;c2\n'
        "2,Small,Acme,Closed Won,500,EUR,2026-01-02T10:00:00+02:00,31.03.2026,c1\n"
    )
    rows, left_out = csv(tmp_path, text)
    big, small = rows.opportunities

    assert left_out == []
    assert (big.opened_at, big.closed_at) == (datetime(2026, 1, 2, tzinfo=UTC), None)
    assert (big.amount, big.currency, big.contacts, big.account) == (Decimal("12500.00"), "EUR", ("c1", "c2"), "Acme")
    assert small.closed_at == datetime(2026, 3, 31, tzinfo=UTC)
    assert small.opened_at == datetime(2026, 1, 2, 8, tzinfo=UTC)


def test_users_keep_all_their_addresses_and_their_team(tmp_path: Path) -> None:
    rows, _ = csv(tmp_path, "id,name,email,aliases,team\nu1,Anna,anna@example.com,a@example.com;an@example.com,Sales\n")

    assert rows.users == (
        UserRow(
            external_id="u1",
            name="Anna",
            addresses=("anna@example.com", "a@example.com", "an@example.com"),
            team="Sales",
        ),
    )


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("id,name,email,phone,account", "contacts"),
        ("First Name,Last Name,E-mail Address,Company,Job Title", "contacts"),
        ("Record ID,Company name,Company Domain Name", "accounts"),
        ("Deal ID,Deal Name,Deal Stage,Amount,Close Date", "opportunities"),
        ("id,name,email,team", "users"),
        ("colour,weight", ""),
    ],
)
def test_the_headers_say_what_the_rows_are(headers: str, kind: str) -> None:
    assert detect(headers.split(",")) == kind


def test_a_file_whose_headers_say_nothing_is_refused_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as caught:
        csv(tmp_path, "colour,weight\nred,3\n")
    assert "id,name,email,phone,account" in caught.value.cure


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12500", Decimal(12500)),
        ("12,500.00", Decimal("12500.00")),
        ("12.500,00 €", Decimal("12500.00")),
        ("EUR 12 500", Decimal(12500)),
        ("1.234.567", Decimal(1234567)),
        ("-3.5", Decimal("-3.5")),
        ("on request", None),
        ("", None),
    ],
)
def test_amounts_are_read_as_either_side_of_the_channel_writes_them(text: str, amount: Decimal | None) -> None:
    assert amount_of(text) == amount


def test_a_date_that_could_be_two_days_is_none() -> None:
    assert instant_of("03/04/2026") is None


def test_cards_of_apple_google_and_android_become_contacts(tmp_path: Path) -> None:
    text = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:urn:uuid:7\r\nN:Doe;Jane;;;\r\nFN:Jane Doe\r\nORG:Acme\\, Inc.;Sales\r\n"
        "item1.EMAIL;type=INTERNET;type=pref:jane@exa\r\n mple.org\r\nitem1.X-ABLabel:_$!<Work>!$_\r\n"
        "TEL;type=CELL:+49 30 12345678\r\nTEL;type=WORK;type=FAX:+49 30 99999999\r\n"
        "PHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\n BBBB\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Hans=\n=20Peter;;;\n"
        "TEL;CELL:0170 1234567\nEMAIL:hp@example.org\nEND:VCARD\n"
        'BEGIN:VCARD\nVERSION:4.0\nFN:Uri\nTEL;VALUE=uri;TYPE="voice,work":tel:+1-555-555-0100;ext=12\n'
        "EMAIL:mailto:uri@example.org\nEND:VCARD\n"
    )
    rows, left_out = cards(tmp_path, text)

    assert left_out == []
    assert rows.contacts == (
        ContactRow(
            external_id="7",
            name="Jane Doe",
            addresses=("jane@example.org",),
            phones=("+493012345678",),
            account="Acme, Inc.",
        ),
        ContactRow(name="Hans Peter Müller", addresses=("hp@example.org",), phones=("+491701234567",)),
        ContactRow(name="Uri", addresses=("uri@example.org",), phones=("+15555550100;ext=12",)),
    )


def test_groups_and_cards_without_an_address_are_skipped_with_their_line(tmp_path: Path) -> None:
    text = "BEGIN:VCARD\nKIND:group\nFN:Friends\nEND:VCARD\nBEGIN:VCARD\nFN:Nobody\nEND:VCARD\n"
    rows, left_out = cards(tmp_path, text)

    assert rows.contacts == ()
    assert left_out == [
        "1: is a group, not a person",
        "5: has no email address and no phone number that can be used",
    ]


@pytest.mark.parametrize(
    ("text", "words"), [("hello", "holds no vCard"), ("BEGIN:VCARD\nFN:Cut\n", "line 1 has no end")]
)
def test_a_file_that_is_no_vcard_or_was_cut_off_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Permanent, match=words):
        cards(tmp_path, text)


@given(data=st.binary(max_size=400))
def test_no_file_whatever_its_bytes_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("files")
    card = folder / "x.vcf"
    card.write_bytes(b"BEGIN:VCARD\n" + data + b"\nEND:VCARD\n")

    for read in (lambda: csv(folder, b"id,email\n" + data), lambda: csv(folder, data), lambda: vcard.read(card)):
        with suppress(Permanent):
            read()
