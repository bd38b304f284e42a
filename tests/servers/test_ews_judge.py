"""The judge of the fake Exchange's answers is no rubber stamp: a lie of each kind is found."""

from __future__ import annotations

import pytest

from tests.servers.ews_judge import problems
from tests.servers.fake_ews_soap import Fault, envelope, fault, message

ID = '<t:ItemId Id="AAMk=" ChangeKey="1"/>'


def answer(items: str) -> bytes:
    return envelope("GetItem", message("GetItem", lambda: f"<m:Items>{items}</m:Items>")).encode()


def failure() -> str:
    raise Fault("ErrorItemNotFound", "The specified object was not found in the store.")


@pytest.mark.parametrize(
    "items",
    [
        "",
        f"<t:Message>{ID}<t:Subject>Offer</t:Subject><t:IsDraft>false</t:IsDraft></t:Message>",
        f"<t:CalendarItem>{ID}<t:UID>1</t:UID><t:Start>2026-11-20T09:00:00Z</t:Start></t:CalendarItem>",
    ],
)
def test_the_truth_is_let_through(items: str) -> None:
    assert problems(answer(items)) == []


def test_failures_are_let_through() -> None:
    assert problems(envelope("GetItem", message("GetItem", failure)).encode()) == []
    assert problems(fault(Fault("ErrorServerBusy", back_off=5)).encode()) == []


@pytest.mark.parametrize(
    "items",
    [
        f"<t:Letter>{ID}</t:Letter>",
        f"<t:Message>{ID}<t:Colour>red</t:Colour></t:Message>",
        f"<t:Message><t:Subject>Offer</t:Subject>{ID}</t:Message>",
        f"<t:Message>{ID}{ID}</t:Message>",
        f"<t:Message>{ID}<t:IsDraft>no</t:IsDraft></t:Message>",
        f"<t:Message>{ID}<t:DateTimeReceived>yesterday</t:DateTimeReceived></t:Message>",
        f"<t:Message>{ID}<t:ToRecipients/></t:Message>",
        f"<t:Message>{ID}<t:ToRecipients><t:Attendee/></t:ToRecipients></t:Message>",
        f"<t:Message>{ID}<t:Subject><t:Name>Offer</t:Name></t:Subject></t:Message>",
        f"<t:CalendarItem>{ID}<t:MyResponseType>Maybe</t:MyResponseType></t:CalendarItem>",
        f"<t:Task>{ID}<t:UID>1</t:UID></t:Task>",
    ],
)
def test_a_lie_is_found(items: str) -> None:
    assert problems(answer(items))
