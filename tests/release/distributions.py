"""Builds what would be released, and uses it as a stranger does: `make release-check`.

The wheel made of the source distribution must be, byte for byte, the wheel made of the checkout. It
is installed into an empty environment outside of the checkout, and there `fuseline up` serves the
web UI; the source distribution, unpacked, runs tests of its own.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import fuseline
from tests.cli.support import environment
from tests.deploy.settings_support import ROOT

_EPOCH = "1700000000"  # any will do, as long as it is the same
_PATIENCE_SECONDS = 120.0
_FROM_THE_SDIST = ("tests/release", "tests/core/test_config.py")


def build(folder: Path, *what: str) -> dict[str, Path]:
    """Builds into a folder; what is there then, by name."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, *what, ROOT]
    env = os.environ | {"SOURCE_DATE_EPOCH": _EPOCH}
    ended = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {file.name: file for file in folder.iterdir()}


def check_wheel(wheel: Path) -> None:
    """It holds the package with the built web UI and the licence, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        licence = archive.read(f"fuseline-{fuseline.__version__}.dist-info/licenses/LICENSE")
        manifest = json.loads(archive.read("fuseline/api/static/.vite/manifest.json"))
    assert licence == (ROOT / "LICENSE").read_bytes()
    static = "fuseline/api/static"
    assert f"{static}/index.html" in names, "the wheel has no web UI"
    assert all(f"{static}/{part['file']}" in names for part in manifest.values())
    assert {"fuseline/py.typed", "fuseline/events/lua/append.lua"} <= names
    assert {name.partition("/")[0] for name in names} == {
        "fuseline",
        f"fuseline-{fuseline.__version__}.dist-info",
    }


def check_sdist(sdist: Path, folder: Path) -> None:
    """It holds what its own tests need, and they pass in it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    unwanted = {"node_modules", ".env", ".venv", "__pycache__", ".git", "prometheus.token"}
    present = {path.name for path in root.rglob("*")}
    assert not present & unwanted, present & unwanted
    assert (root / "fuseline/api/static/index.html").is_file()
    env = environment() | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    for arguments in (["--collect-only", "-qq"], list(_FROM_THE_SDIST)):
        ended = subprocess.run(
            [*pytest, *arguments], cwd=root, env=env, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
        print("   ", ended.stdout.strip().splitlines()[-1])


def check_sboms(folder: Path) -> None:
    """They name what is locked, and nothing of the machine they were made on."""
    make = ["make", "--silent", "sbom", f"DIST={folder}", f"VENV={sys.prefix}"]
    subprocess.run(make, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    for name, wanted in (("fuseline", "redis"), ("fuseline-ui", "react")):
        text = (folder / f"{name}.cdx.json").read_text()
        document = json.loads(text)
        assert document["bomFormat"] == "CycloneDX"
        assert wanted in {component["name"] for component in document["components"]}
        assert str(ROOT) not in text
        print(f"{name}: {len(document['components'])} components")


def install(wheel: Path, folder: Path) -> Path:
    """Installs it into an empty environment; returns the program."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [venv / "bin/python", "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
    locked = ROOT / "requirements/runtime.txt"
    subprocess.run([*pip, "--require-hashes", "-r", locked], cwd=folder, check=True)
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], cwd=folder, check=True)
    return venv / "bin/fuseline"


def check_installed(program: Path, folder: Path) -> None:
    """It says its version; `up` serves the web UI on the embedded server until it is stopped."""
    env = environment(FUSELINE_DATA_DIR=str(folder / "data"))
    env.pop("PYTHONPATH")  # the checkout
    shown = subprocess.run(
        [program, "--version"], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    assert shown.stdout == f"fuseline {fuseline.__version__}\n"
    output = folder / "up.out"
    with output.open("wb") as written:
        process = subprocess.Popen(
            [program, "up", "--json", "--port", "0"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", output.read_text())):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, "fuseline up names no address"
            time.sleep(0.05)
        check_pages(found[0], deadline)
        process.send_signal(signal.SIGTERM)
        assert process.wait(_PATIENCE_SECONDS) == 0, output.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)


def check_pages(url: str, deadline: float) -> None:
    """The page and its script come from the wheel, and the API beside them is ready."""
    while True:
        try:
            page = urllib.request.urlopen(url, timeout=10).read().decode()
            break
        except OSError:
            assert time.monotonic() < deadline, "no page"
            time.sleep(0.05)
    assert '<div id="root">' in page
    script = re.search(r'src="(/[^"]+\.js)"', page)
    assert script is not None
    for path in (script[1], "/api/v1/readyz", "/api/v1/docs"):
        with urllib.request.urlopen(url + path, timeout=10) as answer:
            assert answer.status == 200
            assert answer.read()


def main() -> None:
    """All of it, in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fuseline-release-", dir="/tmp"))
    try:
        first = build(folder / "first")  # the wheel from the source distribution
        second = build(folder / "second", "--sdist", "--wheel")  # both from the checkout
        assert sorted(first) == sorted(second)
        for name, file in first.items():
            assert file.read_bytes() == second[name].read_bytes(), f"{name} differs"
            print(f"twice the same: {name}, {file.stat().st_size / 1e6:.1f} MB")
        twine = [sys.executable, "-m", "twine", "check", "--strict", *first.values()]
        subprocess.run(twine, check=True)
        (wheel,) = [file for name, file in first.items() if name.endswith(".whl")]
        (sdist,) = [file for name, file in first.items() if name.endswith(".tar.gz")]
        check_wheel(wheel)
        check_sboms(folder / "sbom")
        print("the source distribution runs tests:")
        check_sdist(sdist, folder / "sdist")
        check_installed(install(wheel, folder), folder)
        print("the wheel alone serves the web UI")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
