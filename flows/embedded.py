"""Prefect's embedded server, for a lab that runs none: started when work starts, gone when its process is gone.

Prefect stops the server it started when the process ends well. After `kill -9` it would stay behind and hold the
database; so a small shell waits for the end of a pipe that only this process holds, and then ends the server.
"""

import os
import subprocess
import sys
from pathlib import Path

STARTUP = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
_settled = False


def settle(home: Path) -> None:
    """Say how Prefect shall run in this process; before it is imported, for it reads its settings then.

    Args:
        home: folder of its database, where the environment names neither a server nor a home.

    Raises:
        RuntimeError: Prefect is imported already, and would go by other settings than these.
    """
    if "prefect" in sys.modules and STARTUP not in os.environ:
        raise RuntimeError("Prefect was imported before its settings were made: import what needs it later")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault(STARTUP, "180")  # 20 s is short on a busy machine
    if "PREFECT_API_URL" not in os.environ:
        named = Path(os.environ.setdefault("PREFECT_HOME", str(home.resolve())))
        named.mkdir(parents=True, exist_ok=True)  # the server does not start without it


def start() -> None:
    """Start the embedded server, unless the environment names one that runs elsewhere.

    Raises:
        RuntimeError: it does not start.
    """
    global _settled  # noqa: PLW0603  # one server a process
    if _settled or "PREFECT_API_URL" in os.environ:
        return
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()
    server.start()
    process = server.server_process
    if process is None:
        raise RuntimeError("the embedded Prefect server did not start")
    subprocess.Popen(
        ["/bin/sh", "-c", "cat; kill $0 && sleep 5 && kill -9 $0", str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _settled = True
