"""What tests leave behind is told, and goes."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.cli.support import until
from tests.deploy.settings_support import ROOT
from tests.leftovers import LeftoverError, clean_up_after_killed_runs, run_folder

# Says where its folder is, and the process it has started there, and is killed.
KILLED = """
import os, signal, subprocess
from tests.leftovers import run_folder
with run_folder() as folder:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = subprocess.Popen(["sleep", "1000"], start_new_session=True, **quiet)
    print(folder, started.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may wait for it
    except psutil.NoSuchProcess:
        return True


def test_a_run_that_leaves_nothing_is_well_and_its_folder_goes() -> None:
    before = tempfile.gettempdir()
    with run_folder() as folder:
        assert tempfile.gettempdir() == str(folder)
        with tempfile.TemporaryDirectory() as made:
            assert Path(made).parent == folder
    assert not folder.exists()
    assert tempfile.gettempdir() == before


def test_a_folder_that_is_left_is_told() -> None:
    with pytest.raises(LeftoverError, match="forgotten-"), run_folder() as folder:
        tempfile.mkdtemp(prefix="forgotten-")
    assert not folder.exists()


def test_a_process_that_is_left_is_told_and_ended() -> None:
    with pytest.raises(LeftoverError, match="sleep 1000"), run_folder(0.1) as folder:
        process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    assert process.wait(20) == -signal.SIGKILL
    assert not folder.exists()


def test_what_a_killed_run_has_left_goes_with_the_next_and_that_of_a_living_one_stays() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder, pid = killed.stdout.split()
    with run_folder(0.1) as living:
        clean_up_after_killed_runs()
        assert living.exists()
        assert not Path(folder).exists()
        until(lambda: has_ended(int(pid)))
