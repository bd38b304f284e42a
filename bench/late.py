"""What a contact costs that becomes known late: its mail was skipped among much other mail, and is asked for again.

Nobody is known at first, so that all of the corpus is skipped. Then the CRM writes a contact into the tables whose
addresses took part in about so many messages as are wanted, and the next pass is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.corpus import Shape, mail
from bench.dovecot import Server, serve
from bench.maildir import Corpus, make
from bench.measure import Cost, Failed, median, run
from bench.ours import Syncd, prepared
from bench.truth import LOGGED

_DIRECTORY = ("opportunity_contact", "opportunity", "contact_address", "contact", "account_domain", "account")


@dataclass(frozen=True, slots=True)
class Late:
    skipped: int
    """Messages of the mailbox, none of which concerned anybody."""
    found: int
    """How many of them the next pass logged."""
    cost: Cost


def passes(directory: Path, sizes: Sequence[int], wanted: Sequence[int], rounds: int) -> list[Late]:
    """For each size of mailbox a pass that finds nothing, and one after each contact; medians."""
    return [each for messages in sizes for each in _passes(directory, messages, wanted, rounds)]


def _passes(directory: Path, messages: int, wanted: Sequence[int], rounds: int) -> Iterator[Late]:
    corpus = make(Shape(1, messages, attachments=False), directory)
    contacts = _contacts(corpus, wanted)
    with serve(corpus.root, corpus.users[0]) as server:
        syncd = prepared(directory / "syncd", server, corpus.people)
        costs = [_round(syncd, server, corpus, contacts) for _ in range(rounds)]
    for place, found in enumerate((0, *(sum(each.values()) for each in contacts))):
        yield Late(messages, found, median([each[place] for each in costs]))


def _contacts(corpus: Corpus, wanted: Sequence[int]) -> list[Counter[str]]:
    """For each a contact's addresses, with the number of messages of each; no address twice."""
    known = {person.address for person in corpus.people.contacts}
    concerned: Counter[str] = Counter()
    for posted in mail(corpus.shape, corpus.people):
        if posted.rule == LOGGED:
            people = (posted.letter.sender, *posted.letter.to, *posted.letter.cc)
            concerned.update(person.address for person in people if person.address in known)
    left = iter(sorted(concerned.items()))
    contacts = []
    for most in wanted:
        contact: Counter[str] = Counter()
        while contact.total() < most:
            contact.update(dict([next(left)]))
        contacts.append(contact)
    return contacts


def _round(syncd: Syncd, server: Server, corpus: Corpus, contacts: Sequence[Counter[str]]) -> list[Cost]:
    directory = syncd.installation.directory
    syncd.reset(corpus.users)
    syncd.installation.change([(f"DELETE FROM {table}", ()) for table in _DIRECTORY])
    run(syncd.command(), directory)
    costs = [_measured(syncd, server, logged=0)]
    logged = 0
    for number, contact in enumerate(contacts):
        rows = [("INSERT INTO contact_address (contact_id, address) VALUES (?, ?)", (number, each)) for each in contact]
        syncd.installation.change([("INSERT INTO contact (id, name) VALUES (?, 'Late')", (number,)), *rows])
        logged += contact.total()
        costs.append(_measured(syncd, server, logged=logged))
    return costs


def _measured(syncd: Syncd, server: Server, *, logged: int) -> Cost:
    mark = server.mark()
    cost = run(syncd.command(), syncd.installation.directory)
    received, sent = server.moved(mark)
    ((found,),) = syncd.installation.ask("SELECT count(*) FROM sighting WHERE verdict = 'logged'")
    ((waiting,),) = syncd.installation.ask("SELECT count(*) FROM sighting WHERE verdict = 'pending'")
    if (found, waiting) != (logged, 0):
        raise Failed(f"{found} messages are logged and {waiting} are pending, not {logged} and none")
    return Cost(cost.wall, cost.cpu, cost.rss, received, sent)


def table(found: Sequence[Late]) -> str:
    lines = [f"{'skipped':>9} {'of a contact':>13} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'received kB':>12}"]
    lines += [
        f"{each.skipped:>9} {each.found:>13} {each.cost.wall:>8.3f} {each.cost.cpu:>8.3f} {each.cost.rss / 1e6:>8.1f} "
        f"{each.cost.received / 1e3:>12.1f}"
        for each in found
    ]
    return "\n".join(lines)
