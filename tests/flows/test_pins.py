"""The pins in pyproject.toml hold Prefect together: its server starts, takes a deployment, and schedules runs of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

PREFECT = Path(sys.executable).parent / "prefect"

FLOW = """
from prefect import flow

@flow
def nothing() -> None:
    pass
"""
DEPLOYMENT = """
pull:
- prefect.deployments.steps.set_working_directory:
    directory: {folder}
deployments:
- name: nightly
  entrypoint: nothing.py:nothing
  work_pool: {{name: pool}}
  schedules: [{{cron: "*/5 * * * *"}}]
- name: weekly
  entrypoint: nothing.py:nothing
  work_pool: {{name: pool}}
"""


@pytest.mark.slow
def test_a_cron_deployment_gets_scheduled_runs(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": api}
    environment |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    (tmp_path / "nothing.py").write_text(FLOW)
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENT.format(folder=tmp_path))
    with (tmp_path / "server.log").open("wb") as log:
        command = [str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _until(lambda: httpx.get(f"{api}/health").is_success, 120)
            for arguments in (("work-pool", "create", "pool", "--type", "process"), ("--no-prompt", "deploy", "--all")):
                done = subprocess.run(
                    [str(PREFECT), *arguments],
                    env=environment,
                    cwd=tmp_path,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, done.stdout + done.stderr
            _until(lambda: _scheduled(api) >= 1, 120)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _scheduled(api: str) -> int:
    wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    return int(httpx.post(f"{api}/flow_runs/count", json=wanted).raise_for_status().json())


def _until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s")
