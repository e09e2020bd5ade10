"""Every setting of Airflow that the deployment names is one that Airflow knows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = (
    "docker/airflow.env",
    "docker/compose.yaml",
    "docker/Dockerfile",
    "docker/systemd/gateway-.service.d/common.conf",
)
KNOWN = """
import json
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
ProvidersManager().initialize_providers_configuration()
known = {f"{section}__{option}".upper() for section, found in conf.configuration_description.items()
         for option in found["options"]}
secret = {f"{section}__{option}".upper() for section, option in conf.sensitive_config_values}
print(json.dumps([sorted(known), sorted(secret)]))
"""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Return all options of Airflow and its providers, and those that a command may supply."""
    environment = {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-W", "ignore", "-c", KNOWN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    options, secret = json.loads(done.stdout.splitlines()[-1])
    return set(options), set(secret)


@pytest.mark.parametrize("file", FILES)
def test_settings_exist(known: tuple[set[str], set[str]], file: str) -> None:
    """A misspelt setting would be ignored in silence."""
    options, secret = known
    names = set(re.findall(r"AIRFLOW__(\w+?)(?==|:)", (ROOT / file).read_text()))
    assert names
    by_command = {name.removesuffix("_CMD") for name in names if name.endswith("_CMD")}
    assert by_command <= secret
    assert names - {f"{name}_CMD" for name in by_command} <= options
