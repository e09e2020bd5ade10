"""One deployment of the gateway: its catalog, its hub, its keys and the way connections are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection

from gateway import catalog, pg, registry, settings
from gateway.errors import ConnectionUnknown, NotFound
from gateway.exchange.pace import Pace
from gateway.model import Catalog, Platform, Route
from gateway.ports import Source, Target
from gateway.security.crypto import Keys

Resolve = Callable[[str], str | None]
_LOAD_ROLE = "gateway_load"


def from_environment(name: str) -> str | None:
    """Return the DSN of a connection from GATEWAY_CONN_<NAME> or its file in GATEWAY_SECRETS."""
    return settings.secret(f"GATEWAY_CONN_{name.upper()}")


@dataclass
class Deployment:
    """Everything a run needs; opened once per process and closed by nobody: it holds no connection itself."""

    catalog: Catalog
    hub_dsn: str
    keys: Keys
    resolve: Resolve = field(default=from_environment, repr=False)

    @classmethod
    def open(cls, resolve: Resolve | None = None) -> Deployment:
        """Open the deployment that the environment describes; `resolve` is asked for connections first."""

        def both(name: str) -> str | None:
            return (resolve(name) if resolve else None) or from_environment(name)

        return cls(catalog.load(), settings.hub_dsn(), Keys(settings.home() / "keys"), both)

    def hub(self, *, name: str = "gateway", autocommit: bool = False) -> Connection:
        """Open a hub connection that acts as the load role where that role exists; HubUnavailable when it is away."""
        with pg.hub_errors("connect"):
            connection = pg.connect(self.hub_dsn, name=name, autocommit=True)
            if _may_load(connection):
                pg.run(connection, f"set role {_LOAD_ROLE}")
            # The engine touches few rows of big tables by their key: an index must not look dearer than a scan.
            pg.run(connection, "set synchronous_commit = on; set random_page_cost = 1.1")
            connection.autocommit = autocommit
        return connection

    def source(self, platform: Platform) -> Source:
        """Return a platform's connector to read by; ConnectionUnknown when nothing resolves its connection."""
        return registry.source(platform, self._dsn(platform), self.pace(platform))

    def target(self, platform: Platform) -> Target:
        """Return a platform's connector to write by; ConnectionUnknown when nothing resolves its connection."""
        return registry.target(platform, self._dsn(platform), self.pace(platform))

    def pace(self, platform: Platform) -> Pace:
        """Return what keeps a platform's rate."""
        return Pace(lambda: self.hub(name="gateway pace", autocommit=True), platform)

    def _dsn(self, platform: Platform) -> str:
        dsn = self.resolve(platform.connection)
        if not dsn:
            raise ConnectionUnknown(
                f"platform {platform.platform}: connection {platform.connection} is not configured",
                f"Set GATEWAY_CONN_{platform.connection.upper()} or add the Airflow connection "
                f"{platform.connection.lower()}.",
            )
        return dsn

    def route(self, name: str) -> Route:
        """Return a route; NotFound when the catalog has none of that name, with the reason when it is broken."""
        if found := self.catalog.routes.get(name):
            return found
        if reason := self.catalog.broken.get(name):
            raise NotFound(f"route {name} cannot be used: {reason}", "Run `gateway check` and mend the file it names.")
        raise NotFound(f"there is no route {name}", "Run `gateway route list` to see the routes there are.")


def _may_load(connection: Connection) -> bool:
    found = pg.one(
        connection,
        "select pg_catalog.pg_has_role(oid, 'set') from pg_catalog.pg_roles where rolname = %s",
        (_LOAD_ROLE,),
    )
    return bool(found and found[0])
