"""Virtual environments for peers, so that what they depend on does not meet what we do."""

import logging
import subprocess
import sys
import venv
from pathlib import Path

from autometa.bench._method import DONE, NEEDED, find_methods, python_of
from autometa.exceptions import InvalidInputError

logger = logging.getLogger(__name__)


def build_environments(folder, names=None, *, rebuild=False, on_step=None):
    """Build virtual environments for methods, those aside that are there already.

    Parameters
    ----------
    folder : path
        Each environment becomes a folder in it.
    names : sequence of str, optional
        Environments or methods, or paths of method files; by default all that come with the
        package.
    rebuild : bool
        Build anew what is there.
    on_step : callable, optional
        Called with a text before every step.

    Returns
    -------
    dict of str to list of str
        By environment, what is installed in it, as ``pip freeze`` says.

    Raises
    ------
    InvalidInputError
        Where a name is unknown, or pip fails; the message ends as its output does.
    """
    tell = on_step or logger.info
    found = {}
    for environment, requirements in plan_environments(names).items():
        python, place = python_of(folder, environment), Path(folder, environment)
        done = place / DONE
        if rebuild or not done.exists():
            tell(f"{environment}: a new virtual environment")
            venv.create(place, with_pip=True, clear=True)
            for requirement in [*requirements, NEEDED]:  # what is there already stays
                tell(f"{environment}: pip install {requirement}")
                _pip(python, environment, "install", "--quiet", *requirement.split())
            done.write_text(_pip(python, environment, "freeze"))
        found[environment] = done.read_text().splitlines()
    return found


def plan_environments(names=None):
    """Tell what would be installed where.

    Parameters
    ----------
    names : sequence of str, optional
        See :func:`build_environments`.

    Returns
    -------
    dict of str to list of str
        By environment, the arguments of each call of pip.

    Examples
    --------
    >>> list(plan_environments(["autogluon_best", "lightgbm"]))
    ['autogluon', 'boosting']
    """
    known = find_methods()
    files = [name for name in names or () if str(name).endswith(".py")]
    methods = [*known, *find_methods(files)]
    wanted = {method.environment for method in methods if method.environment}
    if names is not None:
        wanted = {}
        for name in names:
            matching = [
                method.environment
                for method in methods
                if name in (method.name, method.environment) or str(name) == _file(method, name)
            ]
            if not matching:
                offered = sorted({m.environment for m in known if m.environment})
                raise InvalidInputError(
                    f"There is no environment or method {name!r}. Environments: "
                    f"{', '.join(offered)}."
                )
            wanted.update(dict.fromkeys(filter(None, matching)))
    plan = {environment: [] for environment in wanted}
    for method in methods:
        for requirement in method.requirements:
            if method.environment in plan and requirement not in plan[method.environment]:
                plan[method.environment].append(requirement)
    return plan


def _file(method, name):
    is_file = str(name).endswith(".py") and Path(name).absolute() == method.file
    return str(name) if is_file else None


def _pip(python, environment, *arguments):
    ended = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if ended.returncode:
        tail = " ".join(ended.stderr.split())[-600:]
        raise InvalidInputError(
            f"pip {' '.join(arguments)} failed in the environment {environment} "
            f"(Python {sys.version.split()[0]}): {tail}"
        )
    return ended.stdout
