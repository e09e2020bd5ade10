"""The units for one machine without containers, examined by systemd's own tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docker" / "systemd"
UNITS = [f"gateway-airflow@{n}.service" for n in ("api-server", "scheduler", "dag-processor", "triggerer")]
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
needs_logrotate = pytest.mark.skipif(
    shutil.which("logrotate", path="/usr/sbin:/usr/bin") is None, reason="logrotate is not installed"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a copy of the units whose programs exist: the checker insists on that."""
    shutil.copytree(FOLDER, tmp_path / "units")
    for name in ("airflow", "python"):
        (tmp_path / name).touch(mode=0o755)
    for unit in (tmp_path / "units").glob("*.service"):
        unit.write_text(unit.read_text().replace("ExecStart=/opt/gateway/bin/", f"ExecStart={tmp_path}/"))
    return tmp_path / "units"


def analyze(units: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd about the units as if they were installed."""
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    return subprocess.run(["systemd-analyze", *words], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.system
@needs_systemd
@pytest.mark.parametrize("unit", [*UNITS, "gateway-prepare.service"])
def test_systemd_accepts_the_unit(units: Path, unit: str) -> None:
    """No unknown setting, no missing dependency, no warning."""
    done = analyze(units, "verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.system
@needs_systemd
@pytest.mark.parametrize("unit", [*UNITS, "gateway-prepare.service"])
def test_the_unit_is_locked_down(units: Path, unit: str) -> None:
    """Systemd's own rating of exposure, 0 to 10, is low; it also shows that the shared drop-in applies."""
    done = analyze(units, "security", "--offline=true", unit)
    rating = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert rating
    assert float(rating[1]) < 2.5


@pytest.mark.system
@needs_logrotate
def test_logrotate_accepts_its_file(tmp_path: Path) -> None:
    """A dry run reads the whole file without an error."""
    program = shutil.which("logrotate", path="/usr/sbin:/usr/bin") or ""
    copy = tmp_path / "gateway"
    copy.write_text((FOLDER / "gateway.logrotate").read_text().replace("su gateway gateway", "su root root"))
    command = [program, "--debug", "--state", str(tmp_path / "state"), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "error" not in done.stderr


def test_no_secret_stands_in_a_unit() -> None:
    """Secrets are credentials that systemd hands over; a setting only tells where one lies."""
    text = "\n".join(p.read_text() for p in FOLDER.rglob("*") if p.is_file())
    given = re.findall(r'^Environment="?(\w*(?:SECRET|KEY|CONN|PASSWORD|DSN)\w*)=(.*?)"?$', text, re.MULTILINE)
    assert len(given) >= 5
    assert [name for name, value in given if "%d" not in value] == []


def test_every_credential_that_is_read_is_loaded() -> None:
    """A name that is read below %d is one that LoadCredential brings."""
    text = "\n".join(p.read_text() for p in FOLDER.rglob("*") if p.is_file())
    loaded = set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))
    assert set(re.findall(r"%d/(\w+)", text)) <= loaded
    assert {"gateway_hub_dsn", "gateway_conn"} <= loaded
