"""What a person or a program asks the store: functions of the engine that return frozen values, ready to print."""

from store.queries.entities import Entity, entities
from store.queries.feed import Change, changes
from store.queries.status import MailboxStatus, RuleCount, StreamStatus, rule_counts, status
from store.queries.timeline import Moment, Person, recent, timeline
from store.queries.viewers import ADMIN, Viewer
from store.queries.why import Explanation, Linked, Question, Sighted, Someone, series_starts, why, why_between

__all__ = [
    "ADMIN",
    "Change",
    "Entity",
    "Explanation",
    "Linked",
    "MailboxStatus",
    "Moment",
    "Person",
    "Question",
    "RuleCount",
    "Sighted",
    "Someone",
    "StreamStatus",
    "Viewer",
    "changes",
    "entities",
    "recent",
    "rule_counts",
    "series_starts",
    "status",
    "timeline",
    "why",
    "why_between",
]
