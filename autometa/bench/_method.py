"""Methods: what is compared, each a file that runs in a process of its own."""

import ast
import importlib.metadata
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from autometa.exceptions import InvalidInputError

FOLDER = Path(__file__).parent / "methods"
#: What a run's process needs in any environment.
NEEDED = "numpy pandas pyarrow"
#: What is installed in an environment, written when all is.
DONE = "installed.txt"
#: What a file may say of itself, and of which type.
CONSTANTS = {
    **{"REQUIREMENTS": (list, tuple), "ENVIRONMENT": (str,)},
    **{"HAS_TIME_LIMIT": (bool,), "VARIANTS": (dict,)},
}


@dataclass(frozen=True)
class Method:
    """A method of a benchmark: a file with a function ``fit``, and what it needs.

    The file is run where autometa may not be installed. It defines ``fit(job)``, which returns a
    fitted model; ``job`` has ``X``, ``y`` (class indices, or numbers), ``kind``, ``metric``,
    ``time_limit`` (seconds), ``n_threads``, ``seed``, ``folder``, ``options`` and ``plain(X)``,
    which makes any table one of floats and categories. Unless the file also defines
    ``predict(model, X, job)``, the model's ``predict_proba`` or ``predict`` is asked.

    Parameters
    ----------
    name : str
    file : path
    options : dict, optional
        JSON-able; the file finds it as ``job.options``.
    requirements : tuple of str, optional
        Of the file's constant ``REQUIREMENTS``: what pip installs for it, call by call.
    environment : str, optional
        Of ``ENVIRONMENT``: the virtual environment that it shares with others of that name.
    has_time_limit : bool, optional
        Of ``HAS_TIME_LIMIT``: a method without is run once a fold, not once a budget.

    Examples
    --------
    >>> find_methods(["random_forest"])[0].has_time_limit
    False
    """

    name: str
    file: Path
    options: dict = field(default_factory=dict)
    requirements: tuple = ()
    environment: str | None = None
    has_time_limit: bool = True

    @property
    def distributions(self):
        """Requirements one by one, without extras and versions."""
        each = [part for line in self.requirements for part in line.split()]
        return tuple(dict.fromkeys(re.match(r"[\w.-]+", part).group() for part in each))

    def find_python(self, folder=None):
        """Return the interpreter to run in: of the peers' folder, or this one if it will do.

        Parameters
        ----------
        folder : path, optional
            Where :func:`build_environments` put environments.

        Raises
        ------
        InvalidInputError
            Where there is none that has what the method requires.
        """
        if not self.requirements:
            return Path(sys.executable)
        if folder is not None and (python := python_of(folder, self.environment)).exists():
            if Path(folder, self.environment, DONE).exists():
                return python
            raise InvalidInputError(
                f"The environment {self.environment} in {folder} is unfinished. Build it again "
                f"with: autometa bench peers --folder {folder} {self.environment}"
            )
        lacking = [name for name in self.distributions if not _is_installed(name)]
        if lacking:
            raise InvalidInputError(
                f"The method {self.name} needs {', '.join(lacking)}. Build its environment with: "
                f"autometa bench peers --folder FOLDER {self.environment}, and pass the same "
                "folder as --peers."
            )
        return Path(sys.executable)


def find_methods(names=None):
    """Return methods by name.

    Parameters
    ----------
    names : sequence of str, optional
        A name of one that comes with the package, or the path of a ``.py`` file; a file with
        variants gives all of them. By default, all that come with the package.

    Returns
    -------
    list of Method

    Examples
    --------
    >>> [method.name for method in find_methods(["linear", "autogluon_best"])]
    ['linear', 'autogluon_best']
    """
    known = {m.name: m for path in sorted(FOLDER.glob("[!_]*.py")) for m in read_methods(path)}
    if names is None:
        return list(known.values())
    found = {}
    for name in names:
        if str(name).endswith(".py"):
            methods = read_methods(name)
        elif name in known:
            methods = [known[name]]
        else:
            raise InvalidInputError(
                f"There is no method {str(name)!r}. There are {', '.join(known)}; "
                "or give the path of a .py file of your own."
            )
        for method in methods:
            if method.name in found:
                raise InvalidInputError(f"The method {method.name} is named twice.")
            found[method.name] = method
    return list(found.values())


def read_methods(path):
    """Read what a method's file says of itself, without running it.

    Parameters
    ----------
    path : path
        Its constants are literals: ``REQUIREMENTS`` (a list), ``ENVIRONMENT``, ``HAS_TIME_LIMIT``,
        and ``VARIANTS``, options by name (by default one without options, called as the file).

    Returns
    -------
    list of Method
    """
    path = Path(path).absolute()
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is no readable Python file: {error}.") from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == "fit" for node in tree.body):
        raise InvalidInputError(f"{path} defines no function fit(job), which a method needs.")
    said = {}
    for name, value in _assignments(tree):
        if name not in CONSTANTS:
            continue
        try:
            said[name] = ast.literal_eval(value)
        except ValueError as error:
            raise InvalidInputError(f"{path}: {name} must be a literal.") from error
        if not isinstance(said[name], CONSTANTS[name]):
            expected = " or ".join(kind.__name__ for kind in CONSTANTS[name])
            raise InvalidInputError(f"{path}: {name} must be a {expected}, got {said[name]!r}.")
    requirements = tuple(said.get("REQUIREMENTS", ()))
    return [
        Method(
            name,
            path,
            options,
            requirements,
            said.get("ENVIRONMENT", path.stem) if requirements else None,
            said.get("HAS_TIME_LIMIT", True),
        )
        for name, options in said.get("VARIANTS", {path.stem: {}}).items()
    ]


def _assignments(tree):
    """Names and values that a module's own lines assign, with or without an annotation."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            yield getattr(node.targets[0], "id", ""), node.value
        elif isinstance(node, ast.AnnAssign):
            yield getattr(node.target, "id", ""), node.value


def python_of(folder, environment):
    """Where the interpreter of a virtual environment is."""
    place = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return Path(folder).absolute().joinpath(environment, *place)


def _is_installed(name):
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
