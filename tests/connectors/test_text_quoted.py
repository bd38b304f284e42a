"""New text, told from quoted history and signature by structure, in the mail programs' many languages."""

# ruff: noqa: RUF001 - letters of other scripts are what is tested here

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.quoted import has_end, until_signature, without_history

NEW = "Thank you, the offer is fine.\n\nCould you send 300 units by 12:30 on Friday?"
OLD = "Dear Anna,\n\nplease find our offer below.\nBen"

ATTRIBUTIONS = [
    "On Mon, Nov 23, 2026 at 10:00 AM Ben Example <ben@example.com> wrote:",
    "On Mon, Nov 23, 2026 at 10:00 AM Ben Example <\nben@example.com> wrote:",
    "On 23 Nov 2026, at 10:00, Ben Example <ben@example.com>\nwrote:",
    "On Monday, November 23, 2026, Ben Example with a rather long name\nof the sales department of Example Ltd\n"
    "<ben@example.com> wrote:",
    "Am 23.11.2026 um 10:00 schrieb Ben Example:",
    "Am Mo., 23. Nov. 2026 um 10:00 Uhr schrieb Ben Example <\nben@example.com>:",
    "Le lun. 23 nov. 2026 à 10:00, Ben Example <ben@example.com> a écrit :",
    "El lun, 23 nov 2026 a las 10:00, Ben Example (<ben@example.com>) escribió:",
    "Em seg., 23 de nov. de 2026 às 10:00, Ben Example <ben@example.com> escreveu:",
    "Il giorno lun 23 nov 2026 alle ore 10:00 Ben Example <ben@example.com> ha scritto:",
    "Op ma 23 nov 2026 om 10:00 schreef Ben Example <ben@example.com>:",
    "pon., 23 lis 2026 o 10:00 Ben Example <ben@example.com> napisał(a):",
    "пн, 23 нояб. 2026 г. в 10:00, Ben Example <ben@example.com>:",
    "Ben Example <ben@example.com>, 23 Kas 2026 Pzt, 10:00 tarihinde şunu yazdı:",
    "Den mån 23 nov. 2026 kl 10:00 skrev Ben Example <ben@example.com>:",
    "2026年11月23日(月) 10:00 Ben Example <ben@example.com>:",
    "Ben Example <ben@example.com> 于2026年11月23日周一 10:00写道\N{FULLWIDTH COLON}",
    "2026년 11월 23일 (월) 오전 10:00, Ben Example <ben@example.com>님이 작성:",
    "\u200fבתאריך יום ב׳, 23 בנוב׳ 2026 ב-10:00 מאת \u202aBen Example\u202c\u200f <\u202aben@example.com\u202c\u200f>:",
    "في الاثنين، ٢٣ نوفمبر ٢٠٢٦ في ١٠:٠٠ ص كتب Ben Example <ben@example.com>:",
    "ben@example.com wrote:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_a_quoted_mail_goes_with_the_attribution_above_it(attribution: str, between: str) -> None:
    quoted = "\n".join(f"> {line}" for line in OLD.splitlines())
    assert without_history(f"{NEW}{between}{attribution}\n{quoted}\n") == NEW
    assert without_history(f"{NEW}\n\n{attribution}\n\n{quoted}\n\n\n") == NEW


HEADS = [
    ["From: {}", "Sent: Monday, November 23, 2026 10:00 AM", "To: Anna <anna@example.com>", "Subject: Offer"],
    ["*From:* {}", "*Sent:* Monday, November 23, 2026 10:00 AM", "*To:* anna@example.com", "*Subject:* Offer"],
    [
        "From: {}",
        "Date: Mon, Nov 23, 2026 at 10:00 AM",
        "Subject: Offer",
        "To: Anna <anna@example.com>",
        "Cc: c@x.example",
    ],
    ["Von: {}", "Gesendet: Montag, 23. November 2026 10:00", "An: Anna", "Betreff: Angebot"],
    ["De : {}", "Envoyé : lundi 23 novembre 2026 10:00", "À : Anna", "Objet : Offre"],
    ["De: {}", "Enviado el: lunes, 23 de noviembre de 2026 10:00", "Para: Anna", "Asunto: Oferta"],
    ["De: {}", "Enviada em: segunda-feira, 23 de novembro de 2026 10:00", "Para: Anna", "Assunto: Proposta"],
    ["Da: {}", "Inviato: lunedì 23 novembre 2026 10:00", "A: Anna", "Oggetto: Offerta"],
    ["Van: {}", "Verzonden: maandag 23 november 2026 10:00", "Aan: Anna", "Onderwerp: Offerte"],
    ["Od: {}", "Wysłano: poniedziałek, 23 listopada 2026 10:00", "Do: Anna", "Temat: Oferta"],
    ["От: {}", "Отправлено: 23 ноября 2026 г. 10:00", "Кому: Anna", "Тема: Предложение"],
    ["Kimden: {}", "Gönderildi: 23 Kasım 2026 Pazartesi 10:00", "Kime: Anna", "Konu: Teklif"],
    ["Från: {}", "Skickat: den 23 november 2026 10:00", "Till: Anna", "Ämne: Offert"],
    ["差出人: {}", "送信日時: 2026年11月23日 10:00", "宛先: Anna", "件名: 見積"],
    ["发件人: {}", "发送时间: 2026年11月23日 10:00", "收件人: Anna", "主题: 报价"],
    ["보낸 사람: {}", "보낸 날짜: 2026년 11월 23일 월요일 오전 10:00", "받는 사람: Anna", "제목: 견적"],
    [
        "\u200f\u200fמאת: {}",
        "\u200f\u200fנשלח: יום שני 23 נובמבר 2026 10:00",
        "\u200f\u200fאל: Anna",
        "\u200f\u200fנושא: הצעה",
    ],
    ["من: {}", "تم الإرسال: 23 نوفمبر، 2026 10:00", "إلى: Anna", "الموضوع: عرض"],
]
HEADS.append([line.replace(": ", "\N{FULLWIDTH COLON}") for line in HEADS[14]])


@pytest.mark.parametrize("lines", HEADS, ids=[lines[0].split()[0] for lines in HEADS])
def test_the_head_of_an_older_mail_ends_the_new_text(lines: list[str]) -> None:
    head = "\n".join(lines)
    by_address = head.format("Ben Example <ben@example.com>")
    assert without_history(f"{NEW}\n\n{by_address}\n\n{OLD}") == NEW
    for rule in (
        "-----Original Message-----",
        "_" * 32,
        "---------- Forwarded message ---------",
        "-------- 原文 --------",
    ):
        by_name = head.format("Ben Example").replace("anna@example.com", "Anna")
        assert without_history(f"{NEW}\n\n{rule}\n{by_name}\n\n{OLD}") == NEW
        assert without_history(f"{NEW}\n{rule}\n\n{by_address}\n\n{OLD}") == NEW


def test_recipients_that_fill_several_lines_are_part_of_the_head() -> None:
    head = (
        "From: Ben\nSent: 23 November 2026\nTo: Anna <anna@example.com>; Carol\n<carol@example.net>; Dave\nSubject: x"
    )
    assert without_history(f"{NEW}\n\n{head}\n\n{OLD}") == NEW


def test_answers_between_quoted_lines_are_all_kept() -> None:
    text = (
        "On 23 Nov 2026, Ben <ben@example.com> wrote:\n> How many?\n\nThree.\n\n> When?\n> Where?\n\nOn Friday, here."
    )
    assert without_history(text) == "Three.\n\nOn Friday, here."


def test_an_answer_below_the_quoted_mail_is_kept() -> None:
    text = "On 23 Nov 2026, Ben <ben@example.com> wrote:\n> How many?\n>> Hm?\n\nThree.\n-- \nAnna"
    assert without_history(text) == "Three."


@pytest.mark.parametrize("delimiter", ["-- ", "--"])
def test_the_signature_is_left_out(delimiter: str) -> None:
    assert without_history(f"{NEW}\n{delimiter}\nAnna Example\n+44 20 7946 0000\n") == NEW


def test_the_footer_of_a_mailing_list_is_left_out() -> None:
    footer = "_" * 47 + "\nOffers mailing list\noffers@lists.example.com\nhttps://lists.example.com/offers\n"
    assert without_history(f"{NEW}\n\n{footer}") == NEW


def test_a_link_between_a_ruled_line_and_the_signature_is_no_footer() -> None:
    text = f"{NEW}\n\n{'_' * 47}\nhttps://example.com/offer"
    assert without_history(f"{text}\n-- \nAnna") == text


KEPT = {
    "a form that a visitor filled in": "Name: Joe\nEmail: joe@example.com\nPhone: 020 7946 0000\nMessage: call me",
    "a list of fields without an address": "Model: X1\nPrice: 300\nDelivery: 12:30",
    "two fields only": "When: 2026-11-27 12:30\nContact: ben@example.com",
    "a colon before something else": "I would order these:\n- the red one\n- the blue one",
    "dashes within a line": "Red -- not blue -- please.\n--- and a rule ---\nEnd.",
    "a link": "See: https://example.com/a?b=c\nand http://example.org/",
    "a time": "12:30 at the office\n13:00 lunch",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_only_looks_like_history_is_kept(text: str) -> None:
    assert without_history(f"Hello,\n\n{text}\n\nAnna") == f"Hello,\n\n{text}\n\nAnna"


def test_a_form_with_a_date_and_nothing_above_it_is_kept() -> None:
    form = "Sent: 2026-11-23 10:00\nName: Joe\nEmail: joe@example.com\nMessage: please call me"
    assert without_history(form) == form


def test_a_sentence_above_a_quoted_line_is_no_attribution() -> None:
    assert without_history("My answer to this:\n> How many?\nThree.") == "My answer to this:\nThree."


def test_nothing_but_history_is_no_new_text() -> None:
    assert without_history("> all\n> old\n") == ""
    assert without_history("\n".join(HEADS[0]).format("Ben <ben@example.com>") + f"\n\n{OLD}") == ""


PROSE = st.lists(st.text("ab é,!?", max_size=8).map(str.rstrip), max_size=6).map("\n".join)


@given(PROSE, st.sampled_from(ATTRIBUTIONS), st.text("ab>:@\n", max_size=30))
def test_whatever_was_quoted_the_new_text_stays_whole(new: str, attribution: str, old: str) -> None:
    quoted = "\n".join(f"> {line}" for line in old.split("\n"))
    assert without_history(f"{new}\n\n{attribution}\n{quoted}") == without_history(new)


@given(
    st.lists(st.sampled_from([">", "> a", "a:", "-- ", "--", "", "To: x@y.example", "Date: 2026", "_" * 20, "b"])).map(
        "\n".join
    )
)
def test_what_is_new_text_stays_so_when_read_again(text: str) -> None:
    once = without_history(text)
    assert set(once.splitlines()) <= set(text.splitlines())
    assert not any(line.startswith(">") for line in once.splitlines())


ODD_LINES = [
    "--",
    "-- ",
    "--\t ",
    "---",
    "--\x0b",
    "--\x00",
    "\x0b--",
    "a\u2028--",
    "> --",
    "",
    "To: x@y.example",
    "Date: 2026",
]


@given(
    st.lists(st.sampled_from([*ODD_LINES, *HEADS[0], "_" * 20, "https://example.com/", "b", "> c"]), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_follows_the_mark_of_the_signature_makes_no_difference(lines: list[str], end: str) -> None:
    text = end.join(lines)
    shorter = until_signature(text)
    assert text.startswith(shorter)
    assert (without_history(shorter), has_end(shorter)) == (without_history(text), has_end(text))


def test_what_follows_the_mark_of_the_signature_is_not_looked_at() -> None:
    assert until_signature("new\r\n-- \r\nAnna") == "new\r\n-- \r\n"
