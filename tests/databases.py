"""What a test knows of its database."""

from dataclasses import dataclass

from deploy.home import service_dsn


@dataclass(frozen=True)
class Database:
    """A migrated database of one test: the superuser's address, and that of each service's own role."""

    admin_dsn: str
    passwords: dict[str, str]

    def dsn(self, service: str) -> str:
        """Return the address for a service's own role, as its processes get it."""
        return service_dsn(self.admin_dsn, service, self.passwords[service])
