"""The way to the database, through a proxy; and a server of the tests' own, which may be crashed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections

from tests.faults.postgres.cluster import Cluster, FullDisk
from tests.faults.proxy import Proxy


@contextmanager
def database_at(**place: object) -> Iterator[None]:
    """Let every new connection of this process and its forks lead elsewhere."""
    settings = connections["default"].settings_dict
    before = {name: settings[name] for name in place}
    connection.close()
    settings.update(place)
    try:
        yield
    finally:
        connection.close()
        settings.update(before)


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[Proxy]:
    """The test's database, behind a proxy that passes everything on until it is told otherwise."""
    database = connection.settings_dict
    proxy = Proxy(database["HOST"], int(database["PORT"] or 5432))
    with database_at(HOST="127.0.0.1", PORT=proxy.port):
        yield proxy
    proxy.close()


@pytest.fixture
def cluster(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL server of this test's own, with the test database's tables in it."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    with Cluster(folder) as cluster:
        cluster.copy_tables(connection.settings_dict)
        with database_at(HOST="127.0.0.1", PORT=cluster.port, USER=cluster.user, NAME=cluster.database, PASSWORD=""):
            yield cluster


@pytest.fixture
def full_disk(cluster: Cluster, tmp_path: Path) -> Iterator[FullDisk]:
    """The cluster's database on a small file system of its own; needs to be root, as CI is."""
    folder = cluster.folder.parent / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={FullDisk.megabytes}m,mode=777", "tmpfs", str(folder)]
    subprocess.run(mounting, check=True, capture_output=True)
    try:
        tables = folder / "tables"
        tables.mkdir()
        shutil.chown(tables, cluster.user, cluster.user)
        connection.close()
        cluster.sql(f"CREATE TABLESPACE small LOCATION '{tables}'", database="postgres")
        cluster.sql(f"ALTER DATABASE {cluster.database} SET TABLESPACE small", database="postgres")
        yield FullDisk(cluster, folder)
    finally:
        connection.close()
        cluster.crash()
        subprocess.run(["umount", str(folder)], check=True)
