"""The known contacts, read from CSV or vCard files or from the CRM's own database, and kept in step with them."""

from syncd.directory.records import Skipped
from syncd.directory.refresh import Refreshed, import_file, refresh

__all__ = ["Refreshed", "Skipped", "import_file", "refresh"]
