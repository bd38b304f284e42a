"""Three months of a small team's mail, as a table: what sells, what does not, and what is nobody's business."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from syncd.demo.agenda import GO_LIVE
from syncd.demo.mails import ARCHIVE, DRAFTS, FAMILY, JUNK, TRASH, Mail
from syncd.demo.people import (
    ADA,
    BEN,
    BEN_ELSEWHERE,
    CLEO,
    CROWD,
    DESK,
    DIGEST,
    DOCTOR,
    LAWYER,
    LENA,
    MEI,
    MONITOR,
    QUENTIN,
    RECRUITER,
    ROSA,
    ROSA_ORDERS,
    SHOP,
    STRANGER,
    TEAM,
    TOM,
    TOM_AT_HOME,
    Person,
)

_LINES = (
    "We would like to hear more about this. What would it cost, and when could you start?",
    "Thank you for asking. The offer is on its way, and Tuesday would suit us for a call.",
    "Tuesday is fine. Two of my colleagues will join us.",
    "Here is the summary of what we agreed. Please tell me if I forgot something.",
)
_BULK = {
    "List-Id": "<weekly.alder-bakery.example>",
    "List-Unsubscribe": "<mailto:off@alder-bakery.example>",
    "Precedence": "bulk",
}
_AUTOMATIC = {"Auto-Submitted": "auto-generated"}


def _thread(
    key: str, subject: str, people: tuple[Person, Person], days: tuple[float, ...], cc: tuple[Person, ...] = ()
) -> Iterator[Mail]:
    """Two people who answer each other, each time so many days ago."""
    previous = None
    for number, age in enumerate(days):
        writer, reader = people if number % 2 == 0 else people[::-1]
        title = f"Re: {subject}" if previous else subject
        text = _LINES[number % len(_LINES)]
        previous = Mail(f"{key}-{number}", age, writer, (reader,), title, cc=cc, text=text, answers=previous)
        yield previous


STORY: tuple[Mail, ...] = (
    # What the team lives from. Each of these mails lies in two or three mailboxes, and is one activity.
    *_thread("oven", "Two ovens for the new shop", (ROSA, ADA), (21, 20.5, 18, 17, 9, 8.5), cc=(BEN,)),
    *_thread("charter", "A fleet for the summer", (BEN, TOM), (34, 33, 30, 12, 11, 3), cc=(CLEO,)),
    *_thread("rollout", "Eleven clinics", (MEI, CLEO), (44, 43, 40, 20, 6, 5)),
    *_thread("refit", "Refit of the Heron", (TOM, BEN), (88, 87, 80, 79)),
    *_thread("shelves", "Regale für das Lager", (LENA, ADA), (15, 14, 13)),
    *_thread("keys", "Spare keys", (TOM_AT_HOME, BEN_ELSEWHERE), (25, 24)),
    *_thread("berth", "A berth for Friday", (QUENTIN, BEN), (7, 6.5)),
    *_thread("rooms", "Rooms in May", (DESK, CLEO), (10, 9.5)),
    Mail("tour", 16, MEI, TEAM, "Thank you all for the tour"),
    Mail("contract", 75, ROSA, (ADA,), "The signed contract", folder=ARCHIVE),
    Mail("terms", 74, ADA, (ROSA,), "Terms, as promised", folder=ARCHIVE),
    Mail("flour", 4, ROSA_ORDERS, (ADA,), "Order for the test kitchen"),
    Mail("scanner", 27, MEI, (ADA, CLEO), "Scan from the third floor", identified=False),
    # Colleagues among themselves, whichever of their addresses they use.
    Mail("lunch", 2, ADA, (BEN,), "Lunch?", rule="internal_only"),
    Mail("offsite", 31, CLEO, TEAM, "Off-site: please vote", rule="internal_only"),
    Mail("targets", 60, BEN, (ADA, CLEO), "Targets for the quarter", rule="internal_only"),
    Mail("train", 1.5, BEN_ELSEWHERE, (ADA,), "On the train, answer later", rule="internal_only"),
    # Programs.
    Mail("weekly-1", 29, DIGEST, (ADA,), "Bakers' Weekly: rye", headers=_BULK, rule="automated"),
    Mail("weekly-2", 22, DIGEST, (ADA, BEN), "Bakers' Weekly: spelt", headers=_BULK, rule="automated"),
    Mail("weekly-3", 15, DIGEST, (ADA,), "Bakers' Weekly: oats", headers=_BULK, rule="automated"),
    Mail("pens", 19, SHOP, (CLEO,), "Your order of 40 pens", rule="automated"),
    Mail("pens-sent", 18, SHOP, (CLEO,), "Your pens are on their way", rule="automated"),
    Mail("build", 5, MONITOR, (BEN,), "Build 4711 failed", headers=_AUTOMATIC, rule="automated"),
    Mail("away", 32, TOM, (BEN,), "Out of office", headers={"Auto-Submitted": "auto-replied"}, rule="automated"),
    # Belongs to its meeting, and is no activity of its own.
    Mail("invitation", 8, MEI, (CLEO,), "Invitation: go-live", invites=GO_LIVE, rule="invitation"),
    Mail("moving", 11, TOM, (BEN, *CROWD), "I am moving house", rule="too_many_recipients"),
    # What is private, or must not be kept.
    Mail("surprise", 12, ROSA, (ADA,), "About the party", headers={"Sensitivity": "Private"}, rule="private"),
    Mail("checkup", 23, DOCTOR, (ADA,), "Your appointment", rule="never_log_personal"),
    Mail("checkup-2", 22, ADA, (DOCTOR,), "Re: Your appointment", rule="never_log_personal"),
    Mail("lease", 50, LAWYER, (BEN,), "The lease", rule="never_log"),
    Mail("lease-2", 49, BEN, (LAWYER,), "Re: The lease", rule="never_log"),
    # People whom the CRM does not know.
    Mail("question", 14, STRANGER, (ADA,), "Do you also repair ovens?", rule="no_known_contact"),
    Mail("answer", 13, ADA, (STRANGER,), "Re: Do you also repair ovens?", rule="no_known_contact"),
    Mail("school", 6, STRANGER, (BEN, CLEO), "A visit with my class", rule="no_known_contact"),
    Mail("job", 37, RECRUITER, (CLEO,), "A role for you", rule="no_known_contact"),
    Mail("job-2", 30, RECRUITER, (CLEO,), "Did you see my mail?", rule="no_known_contact"),
    # Folders that are not read at all.
    Mail("prize", 3, STRANGER, (ADA,), "You have won", folder=JUNK, rule=""),
    Mail("pills", 2, STRANGER, (CLEO,), "Cheap pills", folder=JUNK, rule=""),
    Mail("draft", 1, BEN, (TOM,), "What I will not send", folder=DRAFTS, rule=""),
    Mail("gone", 9, ROSA, (ADA,), "Please delete this", folder=TRASH, rule=""),
    Mail("zoo", 4, TOM, (BEN,), "Saturday at the zoo", folder=FAMILY, rule=""),
)


def arrivals() -> Iterator[Mail]:
    """What keeps coming while one watches; without an end."""
    for number in count(1):
        key = f"live-{number}"
        yield Mail(f"{key}-a", 0, ROSA, (ADA,), f"Oven number {number}", cc=(BEN,), text=_LINES[0])
        yield Mail(f"{key}-b", 0, STRANGER, (CLEO,), f"A question of mine, no. {number}", rule="no_known_contact")
        yield Mail(f"{key}-c", 0, BEN, (TOM,), f"Boat {number}: the offer", cc=(CLEO,), text=_LINES[1])
        yield Mail(f"{key}-d", 0, DIGEST, TEAM, f"Bakers' Weekly, extra {number}", headers=_BULK, rule="automated")
        yield Mail(f"{key}-e", 0, MEI, TEAM, f"Clinic {number} is ready", text=_LINES[2])
        yield Mail(f"{key}-f", 0, CLEO, (ADA, BEN), f"Coffee no. {number}", rule="internal_only")
