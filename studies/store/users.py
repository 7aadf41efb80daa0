"""Who may sign in to the results."""

from sqlalchemy import select

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.tables import AdminRole, AdminUser


def list_users(db: Database) -> list[tuple[str, AdminRole]]:
    """Return the name and the role of every user."""
    with db.reading() as session:
        return [(user.name, user.role) for user in session.scalars(select(AdminUser).order_by(AdminUser.name))]


def remove_user(db: Database, name: str) -> None:
    """Remove a user, who can then no longer sign in.

    Raises:
        StoreError: nobody has this name.
    """
    with db.session() as session:
        user = session.get(AdminUser, name)
        if user is None:
            raise StoreError(f"nobody signs in as {name!r}; `undertone study user` lists who does.")
        session.delete(user)
        db.log(session, "admin.removed", {"name": name}, actor="admin")
