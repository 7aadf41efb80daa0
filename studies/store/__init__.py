"""Where listening studies are kept: tables, transactions, migrations, the log and its copy, backups, withdrawal."""

from studies.store.database import Database
from studies.store.errors import StoreError
from studies.store.migrate import migrate
from studies.store.opening import opened
from studies.store.places import Places

__all__ = ["Database", "Places", "StoreError", "migrate", "opened"]
