"""A Prometheus server of the test's own, with the rules of the repository."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.node import free_port
from tests.acceptance.processes import ROOT, dying_with_us
from tests.eventually import eventually

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: orchestration
    metrics_path: /orchestration/metrics
    static_configs:
      - targets: ["{target}"]
"""


def program(name: str) -> str:
    """The path of a program of Prometheus; without it the test is skipped, or fails in CI."""
    found = shutil.which(name)
    if found is None:
        missing = f"no {name} on this machine: what needs it was left out"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


class Prometheus:
    """A server that answers at a port."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10)

    def get(self, path: str, **parameters: str) -> Any:
        answer = self._client.get(path, params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression yields now."""
        found = self.get("/query", query=expression)
        assert found["resultType"] == "vector", expression
        series: list[dict[str, Any]] = found["result"]
        return series

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Every rule by its name."""
        (group,) = self.get("/rules")["groups"]
        return {rule["name"]: rule for rule in group["rules"]}

    def is_up(self) -> bool:
        with suppress(httpx.HTTPError, ValueError):
            return bool(self.query("up == 1"))
        return False

    def close(self) -> None:
        self._client.close()


@contextmanager
def scraping(target: str, directory: Path) -> Iterator[Prometheus]:
    """A server that scrapes a target, and that has ended when the block has."""
    port, config = free_port(), directory / "prometheus.yml"
    directory.mkdir(parents=True, exist_ok=True)
    config.write_text(CONFIG.format(rules=RULES, target=target))
    words = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    server = subprocess.Popen(dying_with_us(words), stdout=subprocess.DEVNULL)
    found = Prometheus(port)
    try:
        eventually(found.is_up, within=60, what=f"Prometheus on port {port} scraping {target}")
        yield found
    finally:
        found.close()
        server.kill()
        server.wait(10)
