"""The known contacts, read from files, the CRM's own database or the mailboxes' address books, and kept in step."""

from syncd.directory.books import Books
from syncd.directory.records import Skipped
from syncd.directory.refresh import Refreshed, import_file, refresh

__all__ = ["Books", "Refreshed", "Skipped", "import_file", "refresh"]
