"""HTML bodies as the mail programs build them, and the lines that were new in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.text import new_text
from connectors.text_html import html_to_text


def new(html: str) -> str | None:
    return new_text(html.encode(), "text/html; charset=utf-8", "8bit")


REPLIES = {
    "Gmail": """<div dir="ltr">The offer is fine.<div><br></div><div>Anna</div><div class="gmail_signature">Anna Example
        <div>Example Ltd</div></div></div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr"
        class="gmail_attr">On Mon, Nov 23, 2026 at 10:00 AM Ben &lt;<a href="mailto:b@x.example">b@x.example</a>&gt;
        wrote:<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex"><div>old <blockquote>older
        </blockquote> old</div></blockquote></div>""",
    "Outlook": """<html><head><style>p.MsoNormal {margin:0}</style></head><body><div class="WordSection1">
        <p class="MsoNormal">The offer is fine.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p>
        <p class="MsoNormal">Anna</p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">
        <b>From:</b> Ben &lt;b@x.example&gt; <br><b>Sent:</b> Monday, November 23, 2026 10:00 AM<br><b>To:</b> Anna<br>
        <b>Subject:</b> Offer</p></div></div><p class="MsoNormal">old</p></div></body></html>""",
    "Outlook on the web": """<body><div class="elementToProof">The offer is fine.</div><div><br></div><div>Anna</div>
        <div id="Signature"><p>Anna Example</p></div><div id="appendonsend"></div><hr style="width:98%">
        <div id="divRplyFwdMsg"><b>From:</b> Ben</div><div>old</div></body>""",
    "Apple Mail": """<html><body>The offer is fine.<br><br>Anna<br><div><br><blockquote type="cite"><div>On 23 Nov 2026,
        at 10:00, Ben wrote:</div><div>old</div></blockquote></div><br></body></html>""",
    "Thunderbird": """<p>The offer is fine.</p><p><br></p><p>Anna</p><div class="moz-cite-prefix">Am 23.11.2026 um 10:00
        schrieb Ben:<br></div><blockquote type="cite" cite="mid:a@x.example"><pre class="moz-quote-pre">old</pre>
        </blockquote><div class="moz-signature">-- <br>Anna Example</div>""",
    "Yahoo": """<div>The offer is fine.</div><div><br></div><div>Anna</div><div class="yahoo_quoted">
        <div>On Monday, Ben wrote:</div><div>old</div></div>""",
    "Proton": """<div>The offer is fine.<br><br>Anna</div><div class="protonmail_signature_block">Sent with it</div>
        <div class="protonmail_quote">On Monday, Ben wrote:<br><blockquote>old</blockquote></div>""",
}


@pytest.mark.parametrize("html", REPLIES.values(), ids=REPLIES)
def test_what_the_mail_program_quotes_and_signs_is_left_out(html: str) -> None:
    assert new(html) == "The offer is fine.\n\nAnna"


def test_answers_between_quoted_parts_are_kept() -> None:
    html = """<div class="gmail_quote"><div class="gmail_attr">On Mon, Nov 23, 2026 at 10:00 Ben wrote:<br></div>
        <blockquote>How many?</blockquote><div>Three.</div><blockquote>When?</blockquote><div>On Friday.</div></div>"""
    assert new(html) == "Three.\nOn Friday."


def test_a_forwarded_mail_is_history() -> None:
    html = """<div>For you.</div><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------
        <br>From: <b>Ben</b> &lt;b@x.example&gt;<br>Date: Mon, Nov 23, 2026<br>Subject: Offer<br></div>old</div>"""
    assert new(html) == "For you."


LINES = {
    "<p>one</p><p>two</p>": "one\ntwo",
    "one<br>two<br/>\n three": "one\ntwo\nthree",
    "<div><div>one</div></div><div>two</div>": "one\ntwo",
    "<div>one</div><div><br></div><div>two</div>": "one\n\ntwo",
    "<ul><li>one<li>two</ul>": "one\ntwo",
    "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>": "a b\nc",
    "a <b>bold</b>&nbsp;word &amp; an&#228; &lt;b&gt;": "a bold word & anä <b>",
    "<pre>one\n  two</pre>": "one\n  two",
    "one<!-- > two --> three": "one three",
    "one<!--[if gte mso 9]><xml>two</xml><![endif]--> three": "one three",
    "<style>p > a {}</style>one<script>if (a < b) two</script>": "one",
    "<title>two</title><HEAD>three</HEAD>one": "one",
    '<div style="display:none">preview</div>one': "one",
    "1 < 2 and 3 > 2": "1 < 2 and 3 > 2",
    '<img src="a.png" alt="x">one': "one",
    '<blockquote style="margin:0 0 0 40px;border:none;padding:0px">indented</blockquote>': "indented",
    "one<p": "one",
    "one<style>two": "one",
    "one<!-- two": "one",
}


@pytest.mark.parametrize(("html", "expected"), LINES.items())
def test_elements_become_lines_and_what_is_no_text_goes(html: str, expected: str) -> None:
    lines = html_to_text(html).replace("\xa0", " ").split("\n")
    assert "\n".join(map(str.rstrip, lines)).strip("\n") == expected


@pytest.mark.parametrize("html", ["<html><head><style>p {color: red", "<html><!-- long"])
def test_html_cut_before_its_first_letter_asks_for_more(html: str) -> None:
    assert new(html) is None


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("<p>grün</p>".encode(), "text/html"),
        ("<p>grün</p>".encode("cp1252"), "text/html"),
        ("<p>grün</p>".encode("cp1252"), "text/html; charset=iso-8859-1"),
        ("<meta charset=koi8-r><p>зелёный</p>".encode("koi8-r"), "text/html"),
        ('<meta http-equiv="a" content="text/html; charset=koi8-r"><p>зелёный</p>'.encode("koi8-r"), "text/html"),
    ],
)
def test_the_charset_is_the_declared_one_else_the_documents_own(data: bytes, content_type: str) -> None:
    assert new_text(data, content_type, "") in {"grün", "зелёный"}


TAGS = st.sampled_from(
    [
        "<div>",
        "</div>",
        "<blockquote>",
        "</blockquote>",
        "<br>",
        "<pre>",
        "</pre>",
        "<p",
        ">",
        "<",
        "&lt;",
        "a",
        " ",
        "\n",
        "<!--",
    ]
)


@given(st.lists(TAGS, max_size=12).map("".join) | st.text(max_size=60))
def test_no_html_makes_it_fail(html: str) -> None:
    assert isinstance(html_to_text(html), str)
