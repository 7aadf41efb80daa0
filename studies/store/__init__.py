"""The database of listening studies: tables, transactions, migrations, the log and its copy, backups, withdrawal.

`open_database` opens it as a server does, with recovery and snapshots; `Database` and `migrate` are enough for a
script. `StorageLocations` says where database, sounds and backups lie.
"""

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.locations import StorageLocations
from undertone.studies.store.migrate import migrate
from undertone.studies.store.startup import open_database

__all__ = ["Database", "StorageLocations", "StoreError", "migrate", "open_database"]
