"""Where listening studies are kept: tables, transactions, migrations, the log and its copy, backups, withdrawal."""

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.locations import StorageLocations
from undertone.studies.store.migrate import migrate
from undertone.studies.store.startup import open_database

__all__ = ["Database", "StorageLocations", "StoreError", "migrate", "open_database"]
