"""Where listening studies are kept: tables, transactions, migrations, the log and its copy, backups, withdrawal."""

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.locations import Places
from undertone.studies.store.migrate import migrate
from undertone.studies.store.startup import opened

__all__ = ["Database", "Places", "StoreError", "migrate", "opened"]
