"""The systemd units: what systemd says of them, and what the command line takes."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.settings_support import ROOT, known_variables, parse_command

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
PROGRAM = "/opt/fuseline/bin/fuseline"
# 0 is closed, 10 is open; systemd calls anything below 2 "safe".
MOST_EXPOSED = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def settings(unit: Path) -> list[tuple[str, str]]:
    lines = [line for line in unit.read_text().splitlines() if "=" in line and line[0] != "#"]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def values(unit: Path, name: str) -> list[str]:
    return [value for key, value in settings(unit) if key == name]


def test_there_is_one_for_each_role() -> None:
    roles = {file.stem for file in (ROOT / "deploy/redis/acl").glob("*.acl")}
    assert {unit.stem for unit in UNITS} == {f"fuseline-{role}" for role in roles}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_starts_a_command_that_there_is(unit: Path) -> None:
    (command,) = values(unit, "ExecStart")
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    parse_command(arguments)
    role = unit.stem.removeprefix("fuseline-")
    assert values(unit, "EnvironmentFile") == [
        "-/etc/fuseline/common.env",
        f"/etc/fuseline/{role}.env",
    ]
    given = {assignment.partition("=")[0] for assignment in values(unit, "Environment")}
    assert given <= known_variables()
    (folder,) = values(unit, "StateDirectory")
    for assignment in values(unit, "Environment"):
        assert assignment.partition("=")[2].startswith(f"/var/lib/{folder}")


def test_ports_do_not_meet() -> None:
    ports = [
        found for unit in UNITS for found in re.findall(r"--health-port (\d+)", unit.read_text())
    ]
    assert len(ports) == 3
    assert len({*ports, "8787"}) == 4


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / "fuseline"  # verify looks whether it is there
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PROGRAM, str(program)))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_is_confined(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", unit]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    level = re.search(r"exposure level for \S+: ([\d.]+)", ended.stdout)
    assert level is not None, ended.stderr
    assert float(level[1]) < MOST_EXPOSED, ended.stdout
