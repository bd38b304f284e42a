"""Mail as thirty years of software have written it: hand-written seeds of each oddity, and mutations of them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.odd_mail import bodies, heads
from tests.odd_mail.bombs import bombs
from tests.odd_mail.mutants import mutants


def odd_mails(count: int, *, seed: int) -> Mapping[str, bytes]:
    """Name -> mail: every seed, every bomb, and as many mutants of the seeds as make up the count."""
    seeds = {**heads.seeds(), **bodies.seeds()}
    whole = {**seeds, **bombs()}
    made = mutants(list(seeds.values()), count - len(whole), seed=seed)
    return whole | {f"mutant {number}": raw for number, raw in enumerate(made)}
