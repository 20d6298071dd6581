"""Slurm's accounting as clusters keep it: slurmdbd over a MariaDB of its own, which listens on a socket of files alone.

Debian's packages ``slurmdbd`` and ``mariadb-server`` are what it needs. slurmdbd finds the data base by
``MYSQL_UNIX_PORT``, and munged by ``AccountingStoragePass``: without that it asks for the system's.
"""

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("slurmdbd", "sacctmgr", "mariadbd", "mariadb-install-db", "mariadb")
CONFIG = """\
AuthType=auth/munge
AuthInfo={place}/munge.sock
DbdHost=localhost
DbdPort={port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
LogFile={place}/slurmdbd.log
PidFile={place}/slurmdbd.pid
"""
CLUSTER_CONFIG = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={port}
AccountingStoragePass={place}/munge.sock
"""
USER = (
    "create database slurm; create user slurm@localhost identified by 'slurm'; grant all on slurm.* to slurm@localhost"
)
OWN_LIMITS = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M")


def is_there() -> bool:
    """Return whether its programs are installed."""
    return all(shutil.which(name) for name in PROGRAMS)


def start_accounting(place: Path, port: int, run: Callable[..., str]) -> str:
    """Start the data base and slurmdbd, where munged runs; return what the cluster's configuration says of them.

    Args:
        place: directory of the cluster's files.
        port: of slurmdbd.
        run: runs a command of the cluster's, with further variables of its environment.
    """
    database, socket = place / "database", place / "mariadb.sock"
    own = ("--no-defaults", "--user=root", f"--datadir={database}")
    run("mariadb-install-db", *own, "--auth-root-authentication-method=socket", "--skip-test-db")
    files = (f"--socket={socket}", f"--pid-file={place / 'mariadb.pid'}", "--skip-networking", *OWN_LIMITS)
    daemon = shlex.join(["setsid", "mariadbd", *own, *files])
    run("sh", "-c", f"{daemon} > {shlex.quote(str(place / 'mariadb.log'))} 2>&1 < /dev/null &")  # nobody's child
    _until_done(lambda: run("mariadb", "--no-defaults", f"--socket={socket}", "-e", USER))
    config = place / "slurmdbd.conf"
    config.write_text(CONFIG.format(place=place, port=port))
    config.chmod(0o600)
    run("slurmdbd", MYSQL_UNIX_PORT=str(socket))
    return CLUSTER_CONFIG.format(place=place, port=port)


def add_cluster(name: str, run: Callable[..., str]) -> None:
    """Make a cluster known to slurmdbd, which may still be making its tables."""
    _until_done(lambda: run("sacctmgr", "-i", "add", "cluster", name))


def _until_done(command: Callable[[], str], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            command()
            return
        except subprocess.CalledProcessError as error:
            if time.monotonic() > until:
                raise AssertionError(error.stderr) from error
            time.sleep(0.2)
