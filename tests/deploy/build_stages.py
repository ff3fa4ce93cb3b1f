"""Runs what the Dockerfile says, without Docker: `python -m tests.deploy.build_stages [EXTRA ...]`.

Each stage has a folder that stands for its root. COPY, WORKDIR, ENV and ARG do there what they do
in an image, and the RUN lines are those of the file; absolute paths lead into that folder. The
images' own Python and Node are this machine's. In the end the program of the last stage is started.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.deploy.dockerfile_support import Stage, assignments, context, filled, stages
from tests.deploy.settings_support import ROOT

# Folders of an image that steps name; what else they name is this machine's.
_PLACES = re.compile(r"(?<![\w./-])/(src|opt/fuseline|wheels|data)(?![\w-])")


class Builder:
    """Carries out the stages below a folder.

    Args:
        folder: empty, and nobody else's.
        extras: of pyproject.toml, for the build argument EXTRAS.
    """

    def __init__(self, folder: Path, extras: str) -> None:
        self.folder = folder
        self._arguments = {"EXTRAS": extras}
        self._python = folder / "python"
        subprocess.run([sys.executable, "-m", "venv", self._python], check=True)
        self._roots: dict[str, Path] = {"": folder / "context"}
        for path in context():
            target = self._roots[""] / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target)

    def build(self, stage: Stage) -> Path:
        """Carries out one stage; returns its root."""
        root = self._roots[stage.name] = self.folder / f"root-{stage.name or 'last'}"
        root.mkdir()
        (root / "etc").mkdir()
        here = root
        variables: dict[str, str] = {}
        exported = {"PATH": f"{self._tools(root)}:{self._python / 'bin'}:{os.environ['PATH']}"}
        for kind, value in stage.steps:
            match kind:
                case "ARG":
                    given = assignments(value)
                    variables |= {n: self._arguments.get(n, v) for n, v in given.items()}
                case "ENV":
                    new = assignments(filled(value, {"PATH": exported["PATH"]} | variables))
                    exported |= {name: self._inside(text, root) for name, text in new.items()}
                case "WORKDIR":
                    here = root / value.lstrip("/")
                    here.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(value, here, root)
                case "RUN":
                    self._run(self._inside(value, root), here, exported | variables)
        self.environment = exported
        return root

    def _run(self, command: str, here: Path, exported: dict[str, str]) -> None:
        if "useradd" in command and os.getuid() != 0:
            print(f"not run, since only root may: {command}")
            return
        began = time.monotonic()
        environment = {n: v for n, v in os.environ.items() if not n.startswith("FUSELINE_")}
        # An image shall not keep what was downloaded; this machine may.
        environment |= exported | {"PIP_NO_CACHE_DIR": "0", "PIP_QUIET": "2"}
        environment |= {"npm_config_prefer_offline": "true"}
        subprocess.run(["sh", "-ec", command], cwd=here, env=environment, check=True)
        print(f"{time.monotonic() - began:5.1f} s  {' '.join(command.split())[:90]}", flush=True)

    def _copy(self, value: str, here: Path, root: Path) -> None:
        *sources, target = value.split()
        origin = self._roots[""]
        if sources[0].startswith("--from="):
            origin = self._roots[sources.pop(0).removeprefix("--from=")]
        destination = root / target.lstrip("/") if target.startswith("/") else here / target
        for source in sources:
            found = origin / source.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, destination, symlinks=True, dirs_exist_ok=True)
            else:
                destination.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, destination)

    def _inside(self, text: str, root: Path) -> str:
        return _PLACES.sub(lambda match: f"{root}/{match[1]}", text)

    def _tools(self, root: Path) -> Path:
        """Commands that would change this machine change the stage's root instead."""
        folder = self.folder / f"tools-{root.name}"
        folder.mkdir()
        for name in ("groupadd", "useradd"):
            real = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin")
            tool = folder / name
            tool.write_text(f'#!/bin/sh\nexec {real} --prefix {root} "$@"\n')
            tool.chmod(0o755)
        return folder


def main(extras: str) -> None:
    """Builds all stages and starts what they make."""
    if shutil.which("npm") is None:
        print("no Node.js on PATH: the stages of the Dockerfile are not run")
        return
    folder = Path(tempfile.mkdtemp(prefix="fuseline-image-"))
    try:
        builder = Builder(folder, extras)
        for stage in stages()[1]:
            print(f"--- stage {stage.name or 'last'} ({stage.image})", flush=True)
            root = builder.build(stage)
        _start(stage, root, builder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(stage: Stage, root: Path, builder: Builder) -> None:
    """What the image holds works where it was copied from, and is what it should be."""
    # A virtual environment knows the path it was made at; in images both stages have the same.
    made = builder.folder / "root-build" / "opt/fuseline"
    shutil.rmtree(made)
    (root / "opt/fuseline").rename(made)
    entry = json.loads(stage.values("ENTRYPOINT")[0]) + json.loads(stage.values("CMD")[0])
    shown = subprocess.run([made / "bin" / entry[0], *entry[1:]], capture_output=True, check=True)
    assert b"projector" in shown.stdout
    program = [
        made / "bin/python",
        "-c",
        "import fuseline.api, pathlib; print(fuseline.api.__file__)",
    ]
    file = subprocess.run(program, capture_output=True, text=True, check=True, cwd="/").stdout
    static = Path(file.strip()).parent / "static"
    assert static.is_relative_to(made)
    assert (static / "index.html").is_file(), "the image has no web UI"
    assert not (made / "bin/pip").exists()
    if os.getuid() == 0:
        user = next(csv.reader((root / "etc/passwd").read_text().splitlines(), delimiter=":"))
        assert (user[0], ":".join(user[2:4])) == ("fuseline", stage.values("USER")[0])
        assert (root / "data").stat().st_uid == int(stage.values("USER")[0].partition(":")[0])
    size = sum(f.lstat().st_size for f in made.rglob("*") if f.is_file() and not f.is_symlink())
    print(f"what the last stage adds to its base image: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
