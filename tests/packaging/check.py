"""The packaging check behind `make package`: what is built works where the checkout is not.

Builds sdist and wheel, looks into them, installs each in an environment of its own (the wheel with the oldest
dependencies that it allows), and there, from another folder, has a planted tree scanned, the rules checked, the
installation examined and a hook installed. Exits non-zero at the first fault.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

import plant

CHECKOUT = Path(__file__).resolve().parents[2]
COPIES = 2
"""So many tokens of each rule are planted."""


def main() -> None:
    """Check one sdist and one wheel, built in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="tokenguard-package-") as folder:
        work = Path(folder)
        # The wheel is built from the sdist, so the sdist is shown to be whole as well.
        run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(work / "dist"), str(CHECKOUT)], work)
        wheel, sdist = one(work / "dist", "*.whl"), one(work / "dist", "*.tar.gz")
        check_wheel(wheel)
        check_sdist(sdist)
        tree = plant_tree(work / "tree")
        for artefact, dependencies in ((wheel, lowest(wheel)), (sdist, [])):
            check_installed(artefact, dependencies, work / artefact.name.replace(".", "-"), tree)
            print(f"ok: {artefact.name} with {', '.join(dependencies) or 'the newest dependencies'}", flush=True)


def check_wheel(wheel: Path) -> None:
    """Rules, hooks, the type marker and the licence are in the wheel; tests and tools are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    data = {f"tokenguard/_data/{name}" for kind in ("rules", "hooks") for name in names_in(kind)}
    missing = (data | {"tokenguard/py.typed"}) - names
    expect(not missing, f"the wheel lacks {sorted(missing)}")
    expect(any(name.endswith(".dist-info/licenses/LICENSE") for name in names), "the wheel lacks LICENSE")
    strange = sorted({name.partition("/")[0] for name in names} - {"tokenguard"})
    expect(all(name.endswith(".dist-info") for name in strange), f"the wheel also installs {strange}")


def check_sdist(sdist: Path) -> None:
    """What the tests and the documents need is in the source distribution; what a machine made is not."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {"LICENSE", "Makefile", "README.md", "pyproject.toml", "tests/conftest.py"}
    expect(expected <= names, f"the sdist lacks {sorted(expected - names)}")
    made = sorted(name for name in names if "__pycache__" in name or name.startswith((".venv", "dist", "bench/runs")))
    expect(not made, f"the sdist holds {made[:3]}")


def lowest(wheel: Path) -> list[str]:
    """The wheel's dependencies, each at its lower bound: what is promised to do."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        bounds = re.findall(r"^Requires-Dist: ([\w.-]+)>=([\w.]+)$", archive.read(metadata).decode(), re.MULTILINE)
    expect(bounds, "no dependency has a lower bound")
    return [f"{name}=={version}" for name, version in bounds]


def check_installed(artefact: Path, dependencies: list[str], environment: Path, tree: Path) -> None:
    """Install `artefact` and use it from a folder that is not the checkout."""
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", str(artefact), *dependencies],
        tree,
    )
    tokenguard = str(environment / "bin" / "tokenguard")
    run([tokenguard, "rules", "check"], tree)
    run([tokenguard, "doctor"], tree)
    told = run([tokenguard, "scan", "files", str(tree), "--format", "json"], tree, expected=1)
    findings = json.loads(told)["findings"]
    found = sorted(finding["rule_id"] for finding in findings)
    expect(found == sorted(plant.RULES * COPIES), f"{artefact.name}: planted {plant.RULES * COPIES}, found {found}")
    run([tokenguard, "scan", "files", str(empty_folder(environment))], tree, expected=0)
    check_hook(tokenguard, environment.with_name(f"{environment.name}-repository"))


def check_hook(tokenguard: str, repository: Path) -> None:
    """The installed hook stops a commit that holds a token, and lets a clean one pass."""
    run(["git", "init", "--quiet", str(repository)], CHECKOUT)
    run([tokenguard, "hook", "install"], repository)
    commit = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "a"]
    (repository / "clean").write_text("nothing here\n")
    run(["git", "add", "clean"], repository)
    run(commit, repository)
    (repository / "leak").write_text(plant.token(plant.KEEBAI))
    run(["git", "add", "leak"], repository)
    run(commit, repository, expected=1)


def plant_tree(tree: Path) -> Path:
    """Make a folder with `COPIES` tokens of each rule, each in a file of its own."""
    for rule_id in plant.RULES:
        for copy in range(COPIES):
            file = tree / rule_id / f"{copy}.env"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"# settings\nTOKEN={plant.token(rule_id)}\n")
    return tree


def run(command: list[str], folder: Path, *, expected: int = 0) -> str:
    """Run a command outside the checkout; its standard output. Ends the check when the exit code is another."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=folder, env=kept | settings, capture_output=True, text=True, check=False)
    shown = " ".join([Path(command[0]).name, *command[1:]])
    expect(
        done.returncode == expected, f"`{shown}`: exit {done.returncode}, not {expected}\n{done.stdout}{done.stderr}"
    )
    return done.stdout


def names_in(kind: str) -> list[str]:
    """The files of a top-level folder of the checkout, as paths from the checkout; there must be some."""
    found = [str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / kind).rglob("*") if path.is_file()]
    expect(found, f"{kind}/ is empty")
    return found


def empty_folder(environment: Path) -> Path:
    """A folder in which nothing is to be found."""
    folder = environment.with_name(f"{environment.name}-empty")
    folder.mkdir()
    return folder


def one(folder: Path, pattern: str) -> Path:
    """The only file of that pattern."""
    found = list(folder.glob(pattern))
    expect(len(found) == 1, f"{pattern}: {len(found)} were built")
    return found[0]


def expect(holds: object, fault: str) -> None:
    """End the check with `fault` unless `holds`."""
    if not holds:
        sys.exit(f"package: {fault}")


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("package: git is needed")
    main()
