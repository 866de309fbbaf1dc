"""The adapters for the AutoML Benchmark and TabArena, against stand-ins for what calls them."""

import importlib
import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
QUICK = {"n_trials": 0}


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install(monkeypatch, **modules):
    """Put stand-ins where imports look; a dot in a name is written as two underscores."""
    for name, contents in modules.items():
        parts = name.split("__")
        for end in range(1, len(parts) + 1):
            module = ".".join(parts[:end])
            if module not in sys.modules:
                monkeypatch.setitem(sys.modules, module, ModuleType(module))
        for key, value in contents.items():
            setattr(sys.modules[".".join(parts)], key, value)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    X["d"] = pd.Categorical(rng.choice(["u", "v"], 60))
    return X, pd.Series(np.where(X["a"] > 0, "yes", "no"), name="y"), X["a"] * 3 + X["b"]


class Timer:
    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *error):
        self.duration = time.monotonic() - self.start


@pytest.fixture
def amlb(monkeypatch):
    """The module that runs in the framework's environment, with the benchmark's helpers."""

    def measure_inference_times(infer, files):
        times = {}
        for rows, file in files[:3]:
            infer(file)
            times.setdefault(rows, []).append(0.1)
        return times

    install(
        monkeypatch,
        frameworks__shared__callee={
            "call_run": None,
            "measure_inference_times": measure_inference_times,
            "result": lambda **named: named,
        },
        frameworks__shared__utils={"Timer": Timer},
    )
    return load(FOLDER / "amlb" / "extensions" / "autometa" / "exec.py", "exec")


def amlb_call(table, tmp_path, *, is_classification, **config):
    X, labels, numbers = table
    y = labels if is_classification else numbers
    file = tmp_path / "rows.parquet"
    X[:5].to_parquet(file)
    parts = {
        "train": SimpleNamespace(X=X[:40], y=y[:40].to_frame("y")),
        "test": SimpleNamespace(X=X[40:], y=y[40:].to_frame("y")),
        "inference_subsample_files": [(5, str(file))],
    }
    defaults = {
        "type": "classification" if is_classification else "regression",
        "metric": "auc" if is_classification else "rmse",
        **{"max_runtime_seconds": 30, "cores": 1, "seed": 1, "framework_params": QUICK},
        **{"output_predictions_file": "p.csv", "measure_inference_time": False},
    }
    return SimpleNamespace(**parts), SimpleNamespace(**{**defaults, **config})


def test_amlb_gets_labels_and_probabilities(amlb, table, tmp_path):
    found = amlb.run(
        *amlb_call(table, tmp_path, is_classification=True, measure_inference_time=True)
    )

    assert found["probabilities"].shape == (20, 2)
    assert found["probabilities_labels"] == ["no", "yes"]
    assert list(found["truth"]) == list(table[1][40:])
    assert (found["predictions"] == found["truth"]).mean() > 0.7
    assert found["target_is_encoded"] is False and found["output_file"] == "p.csv"
    assert found["training_duration"] > 0 and found["predict_duration"] > 0
    # By where rows come from, then by their number, as the benchmark's own frameworks do.
    assert {name: list(times) for name, times in found["inference_times"].items()} == {
        **{"file": [5], "df": [1]}
    }


def test_amlb_gets_numbers(amlb, table, tmp_path):
    found = amlb.run(*amlb_call(table, tmp_path, is_classification=False))

    assert found["probabilities"] is None
    assert np.corrcoef(found["predictions"], found["truth"])[0, 1] > 0.7


def test_what_amlb_asks_for_reaches_the_estimator(amlb, table, tmp_path, monkeypatch):
    asked = {}

    class Classifier:
        def __init__(self, **options):
            asked.update(options)
            raise StopIteration

    monkeypatch.setattr("autometa.AutoMetaClassifier", Classifier)
    given = {"n_trials": 3, "_n_jobs": 4, "_on_known_task": "raise"}

    with pytest.raises(StopIteration):
        amlb.run(
            *amlb_call(
                *(table, tmp_path),
                is_classification=True,
                metric="logloss",
                framework_params=given,
                max_mem_size_mb=4_000,
            )
        )

    assert asked == {
        **{"metric": "neg_log_loss", "time_limit": 30, "n_jobs": 4, "random_state": 1},
        **{"on_known_task": "raise", "n_trials": 3, "memory_limit": 4.0},
    }


def test_amlb_finds_the_module_that_the_definition_names(monkeypatch):
    install(
        monkeypatch,
        frameworks__shared__caller={"run_in_venv": lambda *args, **named: (args, named)},
    )
    folder = FOLDER / "amlb" / "extensions" / "autometa"
    module = load(folder / "__init__.py", "autometa_in_amlb")
    rows = SimpleNamespace(X="X", y="y")

    (path, script), named = module.run(
        SimpleNamespace(train=rows, test=rows), SimpleNamespace(measure_inference_time=False)
    )

    assert (Path(path).parent / script).is_file()
    assert named["input_data"]["train"] == {"X": "X", "y": "y"}
    definition = (FOLDER / "amlb" / "frameworks.yaml").read_text()
    assert "module: extensions.autometa" in definition
    assert "{" not in definition  # it does not fill in what stands in braces


@pytest.mark.skipif(shutil.which("bash") is None, reason="the benchmark runs where there is bash")
@pytest.mark.parametrize("setup_env", [".setup/setup_env", ".setup_env"])
@pytest.mark.parametrize(
    ("args", "installed"),
    [
        (["stable"], "-r FOLDER/requirements.txt"),  # where the definition has no setup_args
        (["1.2"], "autometa==1.2"),
        (["latest", "https://some.where"], "https://some.where"),
        (["latest", "here"], "CHECKOUT"),
    ],
)
def test_amlb_sets_up_what_the_definition_asks_for(
    monkeypatch, tmp_path, args, installed, setup_env
):
    checkout = tmp_path / "a checkout"
    folder = checkout / "benchmarks" / "amlb" / "extensions" / "autometa"
    shutil.copytree(FOLDER / "amlb" / "extensions" / "autometa", folder)
    shared = tmp_path / "amlb" / "frameworks" / "shared" / "setup.sh"
    shared.parent.mkdir(parents=True)
    shared.write_text('PIP() { echo "PIP $*"; }\nPY() { echo 1.2; }\necho "FOR $1"\n')

    def call_script_in_same_dir(caller, script, *args, **options):
        assert options == {"_shell_": False}
        command = ["bash", str(Path(caller).parent / script), *args]
        found.append(subprocess.run(command, capture_output=True, text=True, check=True))

    found = []
    install(monkeypatch, amlb__utils={"call_script_in_same_dir": call_script_in_same_dir})
    module = load(folder / "__init__.py", "autometa_in_amlb")
    (folder / setup_env).parent.mkdir(exist_ok=True)
    (folder / setup_env).write_text(f"AMLB_ROOT={tmp_path / 'amlb'}\nPY_EXEC_PATH=python\n")

    module.setup(*args, _shell_=False)

    lines = found[0].stdout.splitlines()
    installed = installed.replace("FOLDER", str(folder)).replace("CHECKOUT", str(checkout))
    assert f"FOR {folder}" in lines and found[0].stderr == ""
    assert lines[-1] == f"PIP install --no-cache-dir {installed}"
    assert (folder / ".setup" / "installed").read_text() == "1.2\n"


@pytest.fixture
def tabarena(monkeypatch):
    """The system's module, with a base class that calls it as TabArena's does."""

    class ExternalSystemModel:
        def __init__(self, *, problem_type, eval_metric, fit_kwargs=None):
            self.problem_type, self.eval_metric = problem_type, eval_metric
            self.fit_kwargs = fit_kwargs or {}

        def fit(self, X, y):
            limits = dict.fromkeys(("num_cpus", "num_gpus", "memory_limit", "time_limit"))
            return self._fit_system(
                *(X, y),
                target_name="y",
                problem_type=self.problem_type,
                eval_metric=self.eval_metric,
                validation_metadata=SimpleNamespace(group_on=None),
                random_state=7,
                **{**limits, **self.fit_kwargs},
            )

    class Recorded(SimpleNamespace):
        @classmethod
        def system(cls, **named):
            return cls(**named)

    install(
        monkeypatch,
        tabarena__benchmark__exec_models__external={"ExternalSystemModel": ExternalSystemModel},
        tabarena__utils__config_utils={"SystemConfigGenerator": Recorded},
        tabarena__models___method_metadata={"MethodMetadata": Recorded},
        tabarena__systems___system_info={"SystemInfo": Recorded},
    )
    names = [name for name in sys.modules if name.startswith("benchmarks.tabarena")]
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("benchmarks.tabarena.autometa.info")


def test_tabarena_gets_probabilities_by_label(tabarena, table):
    X, labels, _ = table
    system = tabarena.AutoMetaSystemModel(
        options=QUICK,
        problem_type="binary",
        eval_metric=SimpleNamespace(name="roc_auc"),
        fit_kwargs={"time_limit": 30, "num_cpus": 1},
    )

    fitted = system.fit(X[:40], labels[:40])

    found = fitted._predict_proba(X[40:])
    assert fitted is system
    assert list(found.columns) == ["no", "yes"] and found.index.equals(X[40:].index)
    options = system.model.get_params()
    assert (options["metric"], options["time_limit"], options["random_state"]) == ("roc_auc", 30, 7)
    system.cleanup()
    assert system.model is None


def test_tabarena_gets_numbers(tabarena, table):
    X, _, numbers = table
    metric = SimpleNamespace(name="root_mean_squared_error")
    system = tabarena.AutoMetaSystemModel(QUICK, problem_type="regression", eval_metric=metric)

    found = system.fit(X[:40], numbers[:40])._predict(X[40:])

    assert isinstance(found, pd.Series) and found.index.equals(X[40:].index)
    assert system.model.get_params()["time_limit"] == 60  # where TabArena gives none


def test_tabarena_is_told_of_the_system(tabarena):
    info = tabarena.autometa_info

    assert info.system_cls is info.config_generator.model_cls
    assert info.config_generator.manual_configs == [{}]
    assert info.method_metadata.suite != info.method_metadata.method
