"""The front end's tables on MariaDB keep what every connector promises: up tables are written, down tables read."""

from __future__ import annotations

import pytest

from tests.conformance.frontend_lines import read
from tests.conformance.mariadb import MariaDb, MysqlPeer
from tests.conformance.suite import EVERYTHING, RowRefusingTargetSuite, SourceSuite, row

pytestmark = pytest.mark.system


class TestFrontendOnMysql(SourceSuite, RowRefusingTargetSuite):
    """MariaDB behind the front end's format."""

    @pytest.fixture
    def peer(self, mariadb: MariaDb) -> MysqlPeer:
        """Return a fresh platform."""
        return MysqlPeer(mariadb)

    def test_newest_version_of_a_key_is_the_row(self, peer: MysqlPeer) -> None:
        """An update is a new row of the table, a deletion too; keys that the collation takes for one are two."""
        peer.create(EVERYTHING)
        peer.tell("I", EVERYTHING, [row("kept"), row("changed"), row("Changed"), row("changed "), row("gone")])
        peer.tell("U", EVERYTHING, [row("changed", small=8)], "2026-11-24 12:00:01")
        peer.tell("D", EVERYTHING, [row("gone")], "2026-11-24 12:00:01")
        assert [(r["code"], r["small"]) for r in read(peer)] == [
            ("Changed", "-7"),
            ("changed", "8"),
            ("changed ", "-7"),
            ("kept", "-7"),
        ]

    def test_names_of_their_own_are_no_surprise(self, peer: MysqlPeer) -> None:
        """The envelope is theirs; any other column that the contract does not know is one."""
        peer.create(EVERYTHING)
        assert set(peer.source().describe(EVERYTHING).columns) == set(EVERYTHING.columns)
        peer.run("alter table everything add surprise int")
        assert "surprise" in peer.source().describe(EVERYTHING).columns
