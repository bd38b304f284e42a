"""One meeting has one UID, in whatever form a maker writes it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.ical_uid import normal_uid

HEADER = "040000008200E00074C5B7101A82E008"
WRAPPED = (
    HEADER
    + "00000000000000000000000000000000000000001E0000007643616C2D5569640100000061626331323340676F6F676C652E636F6D00"
)
DATED = (
    HEADER
    + "07EA0B16000000000000000000000000000000001E0000007643616C2D5569640100000061626331323340676F6F676C652E636F6D00"
)
NATIVE = (
    "040000008200e00074c5b7101a82e00807ea0b16a0b1c2d3e4f5da01000000000000000010000000000102030405060708090a0b0c0d0e0f"
)
SERIES = (
    "040000008200E00074C5B7101A82E00800000000A0B1C2D3E4F5DA01000000000000000010000000000102030405060708090A0B0C0D0E0F"
)


@pytest.mark.parametrize(
    ("uid", "normal"),
    [
        (WRAPPED, "abc123@google.com"),
        (WRAPPED.lower(), "abc123@google.com"),
        (DATED, "abc123@google.com"),
        (DATED[:-2], "abc123@google.com"),
        (NATIVE, SERIES),
        (NATIVE.upper(), SERIES),
        (SERIES, SERIES),
        (HEADER, HEADER),
        (HEADER.lower(), HEADER.lower()),
        (NATIVE[:60], NATIVE[:60]),
        (NATIVE[:-1], NATIVE[:-1]),
        (NATIVE[:-2] + "zz", NATIVE[:-2] + "zz"),
        (WRAPPED[: WRAPPED.index("616263")], WRAPPED[: WRAPPED.index("616263")].upper()),
        ("abc123@google.com", "abc123@google.com"),
        ("abc123_R20261201T090000@google.com", "abc123@google.com"),
        ("abc123_R20261201_R20270105@google.com", "abc123@google.com"),
        ("abc123_R20261201T090000@example.com", "abc123_R20261201T090000@example.com"),
        ("  ABC-123\t", "ABC-123"),
        ("", ""),
    ],
)
def test_a_uid_is_what_all_makers_agree_on(uid: str, normal: str) -> None:
    assert normal_uid(uid) == normal


def test_a_uid_wrapped_twice_is_unwrapped_twice() -> None:
    data = b"vCal-Uid\x01\x00\x00\x00" + WRAPPED.encode() + b"\0"
    assert normal_uid(HEADER + "00" * 20 + len(data).to_bytes(4, "little").hex() + data.hex()) == "abc123@google.com"


@settings(max_examples=200, derandomize=True)
@given(
    st.text(max_size=80)
    | st.from_regex(r"[a_](_R[0-9]{8})*@google.com", fullmatch=True)
    | st.binary(max_size=120).map(lambda data: HEADER + data.hex())
)
def test_a_normal_uid_stays_as_it_is(uid: str) -> None:
    assert normal_uid(normal_uid(uid)) == normal_uid(uid)
