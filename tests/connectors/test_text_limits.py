"""Bodies that were made to cost: a bound on CPU time and on memory for each."""

from __future__ import annotations

import tracemalloc

import pytest

from connectors.text import new_text
from tests import cpu

CPU_SECONDS = 0.25
MEMORY = 64 * 1024 * 1024
SIZE = 300_000


def check(body: bytes, content_type: str, encoding: str = "") -> None:
    with cpu.at_most(CPU_SECONDS):
        new_text(body, content_type, encoding)
    tracemalloc.start()
    new_text(body, content_type, encoding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


def nested(depth: int) -> bytes:
    return b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(depth))


BODIES = {
    "500 levels": (nested(500), "multipart/mixed; boundary=b0", ""),
    "10,000 levels": (nested(10_000), "multipart/mixed; boundary=b0", ""),
    "one boundary at all levels": (
        b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 6000,
        "multipart/mixed; boundary=b",
        "",
    ),
    "5,000 forwards": (b"Content-Type: message/rfc822\r\n\r\n" * 5000, "message/rfc822", ""),
    "100,000 parts": (b"--b\r\n\r\n\r\n" * 100_000, "multipart/mixed; boundary=b", ""),
    "lines that are nearly delimiters": (b"--b \x00\n" * 60_000, "multipart/mixed; boundary=b", ""),
    "a head without end": (b"--b\r\n" + b"a: b\r\n" * 60_000, "multipart/mixed; boundary=b", ""),
    "10,000 parameters": (b"--b\r\nContent-Type: text/plain" + b"; a*0=b" * 10_000, "multipart/mixed; boundary=b", ""),
    "a boundary in 10,000 pieces": (
        b"hello",
        "multipart/mixed" + "".join(f"; boundary*{n}=x" for n in range(10_000)),
        "",
    ),
    "3 MB of soft breaks": (b"=\r\n" * 1_000_000, "text/plain", "quoted-printable"),
    "10 MB of base64": (b"QUJD" * 2_500_000, "text/plain", "base64"),
    "escapes without end": (b"=" * SIZE, "text/plain", "quoted-printable"),
    "crossed formatting": (
        b"<p>" + b"".join(b"<b a=%d>" % n for n in range(5000)) + b"</p>" + b"<p>x</p>" * 10_000,
        "text/html",
        "",
    ),
}


@pytest.mark.parametrize(("body", "content_type", "encoding"), BODIES.values(), ids=BODIES)
def test_a_deep_wide_or_endless_body_costs_little_time_and_memory(
    body: bytes, content_type: str, encoding: str
) -> None:
    check(body, content_type, encoding)


UNITS = [
    *("a", " ", "\n", "\r", "\t", "\n\n\n\na: 1", "\n> x", "> ", "\na: b", "\nDate: 10:00 x@y", "\n-----", "\n_____"),
    *(
        "\n-----\nDate: 10:00",
        "On ",
        "\nOn 1 Jan 2026 wrote:",
        ":\n",
        "\na:\nb:\nc@ 10:00:\n",
        "\n--- ",
        "*=-",
        "-- \n",
    ),
]
TAGS = [
    *(
        "<",
        ">",
        "&",
        "<div>",
        "<b>",
        "<a><b>",
        "<table>",
        "<p>x",
        "<!--",
        "<svg>",
        "<style>",
        "<title x",
        '<a "',
        "<pre>\n x",
    ),
    *("<blockquote>", "<blockquote>x", "&#1", "&amp", "<div ", "</", "<!", "<?", "<a b=<", "<style></styl", "\x00<"),
]


@pytest.mark.parametrize("content_type", ["text/plain", "text/html"])
def test_no_piece_repeated_over_the_whole_body_costs_much(content_type: str) -> None:
    for unit in [*UNITS, *TAGS]:
        with cpu.at_most(CPU_SECONDS, unit):
            new_text((unit * (SIZE // len(unit))).encode(), content_type, "")
