"""What makes two spellings of a phone number the same: E.164, with an extension as in RFC 3966."""

from __future__ import annotations

import phonenumbers


def normalised(text: str, region: str) -> str:
    """`+493012345678`; empty if it is none. `region` is the country of a number that is written without one.

    Possible is enough: numbers that no country has given out yet (and fictitious ones) are kept. What is shorter than
    six digits is an extension or a short code, and nobody's own.
    """
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number) or len(phonenumbers.national_significant_number(number)) < 6:
        return ""
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain
