"""Keeps the directory tables in step with a source: a CSV file, vCards, or a query on the CRM's own database."""

from store.directory_rows import (
    AccountRow,
    ContactRow,
    Counts,
    DirectoryRows,
    OpportunityRow,
    Report,
    Skipped,
    UserRow,
)

__all__ = [
    "AccountRow",
    "ContactRow",
    "Counts",
    "DirectoryRows",
    "OpportunityRow",
    "Report",
    "Skipped",
    "UserRow",
]
