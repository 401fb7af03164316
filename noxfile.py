"""The checks that developers and CI run, one per session.

Torch alone takes gigabytes, so sessions run in the environment that nox is in (``pip install -e '.[dev]'``).
Only ``minimums`` adds a small one, which holds the oldest allowed versions and borrows torch from the first.

Tests run in one process per core, at most four; ``-n 0`` after the ``--`` runs them in one.

Example: ``.venv/bin/nox -s tests``, or ``.venv/bin/nox -s tests -- tests/cost -x``.
"""

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement

ROOT = Path(__file__).parent
BORROWED = ("torch", "torchvision")  # not lowered: too large to install twice
MOST_PROCESSES = 4  # each holds torch and, in the slow tests, networks: about 2 GB
PAGE_TESTS = "tests/report/test_page_in_browser.py"
# pytest options that set the number of processes, or that need a terminal of their own
OWN_PROCESSES = ("-n", "--numprocesses", "--dist", "no:xdist", "--pdb", "-s", "--capture")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests", "lint", "types"]


def require_torch(session: nox.Session) -> None:
    """Stop unless nox runs in the project's environment."""
    if importlib.util.find_spec("torch") is None:
        session.error(
            f"{sys.executable} has no torch; run nox from the environment of: pip install -e '.[dev]'"
        )


def python(session: nox.Session, *arguments: str) -> None:
    """Run a module or file with the interpreter that nox runs in."""
    require_torch(session)
    session.run(sys.executable, *arguments, external=True)


def pytest(session: nox.Session, interpreter: str, *words: str) -> None:
    """Run the tests in one process per core, unless the caller's options say otherwise."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = min(cores, MOST_PROCESSES)
    environment = {}
    if processes > 1 and not any(word.startswith(OWN_PROCESSES) for word in session.posargs):
        # the tests of a file share networks that are built once, so a file stays in one process
        words = (*words, "-n", str(processes), "--dist", "loadfile")
        # torch starts one thread per core in every process, which then wait for each other
        environment = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    session.run(interpreter, "-m", "pytest", *words, *session.posargs, env=environment, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, except the slow ones."""
    require_torch(session)
    pytest(session, sys.executable)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests, which take minutes."""
    require_torch(session)
    pytest(session, sys.executable, "-m", "slow")


@nox.session
def page(session: nox.Session) -> None:
    """Read the HTML page in headless Chromium: by mouse, by keyboard, on a phone, with axe-core from npm."""
    require_torch(session)
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.skip("Chromium is missing: apt-get install --no-install-recommends chromium")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    python(session, "-m", "pip", "install", "-q", *extras["page"])
    folder = ROOT / ".nox" / "page"
    if shutil.which("npm") and not (folder / "node_modules" / "axe-core").is_dir():
        session.run("npm", "install", "--prefix", str(folder), "--silent", "axe-core@4", external=True)
    pytest(session, sys.executable, "-m", "slow", PAGE_TESTS)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style and the workflows; ``nox -s lint -- --fix`` fixes the style where ruff can."""
    if "--fix" in session.posargs:
        python(session, "-m", "ruff", "check", "--fix", ".")
        python(session, "-m", "ruff", "format", ".")
        return
    python(session, "-m", "ruff", "check", *session.posargs, ".")
    python(session, "-m", "ruff", "format", "--check", ".")
    workflows = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    python(session, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, strictly in the packages; in the tests only that what they name and call exists."""
    python(session, "-m", "mypy", *session.posargs)
    loosely = ("--explicit-package-bases", "--implicit-reexport", "--no-warn-unused-ignores")
    python(session, "-m", "mypy", *loosely, "tests")
    python(session, "-m", "mypy", "docs/hooks")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into ``site/``, strictly (needs the extra ``docs``); ``-- serve`` shows it."""
    if importlib.util.find_spec("mkdocs") is None:
        session.error(f"{sys.executable} has no mkdocs; pip install -e '.[docs]'")
    session.env["NO_MKDOCS_2_WARNING"] = "1"  # an advertisement of the theme's successor
    python(session, "-m", "mkdocs", *(session.posargs or ("build", "--strict")))


@nox.session
def bench(session: nox.Session) -> None:
    """Time what users wait for, as ratios within one run each; two hours on a quiet machine of two cores.

    ``-- engines deployed`` runs these files of ``tests/benchmarks``; ``-- engines --bf16`` passes an option.
    """
    scripts = {path.stem: path for path in sorted((ROOT / "tests" / "benchmarks").glob("*.py"))}
    names = list(itertools.takewhile(lambda word: not word.startswith("-"), session.posargs))
    if unknown := sorted(set(names) - set(scripts)):
        session.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(scripts)}")
    failed = []
    for name in names or scripts:
        try:
            python(session, str(scripts[name]), *session.posargs[len(names) :])
        except CommandFailed:
            failed.append(name)  # the others' hours are not lost with it
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session
def gpu(session: nox.Session) -> None:
    """Run what needs a GPU in at most eight minutes: tests, times of a training step, one run on CamVid."""
    python(session, "tests/gpu/run_gpu.py", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Remove one protection at a time and see that its test fails; ``-- WORD`` runs some of them."""
    python(session, "tests/mutants/run_mutants.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Damage inputs of every reader at random for ten minutes; ``-- READER --minutes 1`` is a part of it."""
    python(session, "tests/fuzz/run_fuzz.py", *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows, except torch and torchvision."""
    folder = ROOT / ".nox" / "minimums"
    interpreter = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    python(session, "-m", "venv", "--clear", str(folder))
    lend_packages(interpreter)
    session.run(str(interpreter), "-m", "pip", "install", "-q", *lower_bounds(), external=True)
    session.run(str(interpreter), "-m", "pip", "install", "-q", "--no-deps", "-e", str(ROOT), external=True)
    # old versions may use what the newest torch deprecates, so warnings are not errors here
    pytest(session, str(interpreter), "-W", "default")


def lower_bounds() -> list[str]:
    """Return ``name==lower bound`` for the dependencies of users and developers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["dev"]]
    bounds = {
        item.name: specifier.version
        for item in asked
        for specifier in item.specifier
        if specifier.operator == ">="
    }
    missing = sorted({item.name for item in asked} - set(bounds))
    if missing:
        raise ValueError(f"pyproject.toml: no lower bound (>=) for {', '.join(missing)}")
    return [f"{name}=={version}" for name, version in bounds.items() if name not in BORROWED]


def lend_packages(interpreter: Path) -> None:
    """Let an environment import this one's packages after its own."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([interpreter, "-c", code], check=True, capture_output=True, text=True)
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # a path file: --system-site-packages lends the base interpreter's packages, not a parent environment's
    (Path(answer.stdout.strip()) / "lent.pth").write_text("".join(f"{path}\n" for path in sorted(lent)))
