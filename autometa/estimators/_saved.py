"""A fitted estimator in a folder: safetensors, JSON and, for models of tables, skops; no pickle.

Inside skops' file, boosting of LightGBM, XGBoost and CatBoost is in the format of its own library.
"""

import dataclasses
import hashlib
import json
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from autometa.encoding import TableEncoder
from autometa.estimators._several_targets import gather
from autometa.estimators._study import trials_from_list, trials_to_list
from autometa.estimators._target_units import TargetUnits
from autometa.exceptions import ArtefactError, InvalidInputError

FORMAT = "autometa-estimator"
#: Version 3 had no temperature; it is read too.
FORMAT_VERSION, OLDEST_VERSION = 4, 3
TENSORS, DESCRIPTION, TABLES = "estimator.safetensors", "estimator.json", "tables.skops"
#: What models of tables consist of, beside what skops trusts by itself: our own classes,
TRUSTED_PREFIXES = ("autometa.families.", "autometa.encoding.")
#: and these types of libraries. Those of scikit-learn hold numbers and estimators; they are named
#: one by one, since its modules hold functions too, and whatever they import.
TRUSTED_TYPES = {
    "catboost.core.CatBoostClassifier",
    "catboost.core.CatBoostRegressor",
    "collections.OrderedDict",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.CompoundKernel",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.DotProduct",
    "sklearn.gaussian_process.kernels.ExpSineSquared",
    "sklearn.gaussian_process.kernels.Exponentiation",
    "sklearn.gaussian_process.kernels.Matern",
    "sklearn.gaussian_process.kernels.PairwiseKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.gaussian_process.kernels.RationalQuadratic",
    "sklearn.gaussian_process.kernels.Sum",
    "sklearn.gaussian_process.kernels.WhiteKernel",
    "sklearn.metrics._dist_metrics.ChebyshevDistance64",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
}
#: What a fit leaves on the estimator in a form that JSON holds.
VALUES = ("best_params_", "best_score_", "fit_time_s_", "metafeatures_", "proposals_")
#: These may hold passwords, or nothing that another machine could use.
UNSAVED_PARAMETERS = ("callbacks", "knowledge", "storage")


def save(estimator, folder):
    """Write a fitted estimator into a folder, which is made if need be.

    Raises
    ------
    InvalidInputError
        Where a model consists of what could not be loaded again, such as a lambda.
    ArtefactError
        Where the folder cannot be written to.

    Notes
    -----
    Nothing is left behind where it fails.
    """
    from autometa.knowledge import versions, write_files

    described, arrays, tables = _describe(estimator)
    described |= {"format": FORMAT, "format_version": FORMAT_VERSION, "versions": versions()}
    files = {TENSORS: safetensors.save({n: np.ascontiguousarray(a) for n, a in arrays.items()})}
    if tables:
        files[TABLES] = _write_tables(tables)
    described["sha256"] = _checksum(described, *files.values())
    text = json.dumps(described, indent=1, sort_keys=True)
    write_files(Path(folder), {**files, DESCRIPTION: text.encode()})


def _write_tables(tables):
    """Write models of tables, refusing what could not be loaded again."""
    import skops.io

    way_out = (
        "Let the family consist of functions and classes that stand at the top level of a module "
        "that can be imported, under their own name, and fit again."
    )
    try:
        content = skops.io.dumps(tables, compression=ZIP_DEFLATED, compresslevel=1)
    except TypeError as error:
        raise InvalidInputError(f"A model cannot be saved: {error}. {way_out}") from error
    names = skops.io.get_untrusted_types(data=content)
    lost = [name for name in names if not _can_be_imported(name)]
    if lost:
        raise InvalidInputError(
            f"A model holds {', '.join(lost)}, which could not be loaded again: nothing of that "
            f"name can be imported. {way_out}"
        )
    return content


def _can_be_imported(name):
    """Whether a function, a class or a method of a class is found by its full name."""
    owner, _, attribute = name.rpartition(".")
    try:
        return hasattr(import_module(owner), attribute)
    except ImportError:
        module, _, kind = owner.rpartition(".")
        return hasattr(getattr(sys.modules.get(module), kind, None), attribute)


def _describe(estimator):
    """Values for JSON, arrays by name, and the models of each configuration of tables."""
    common = {
        "class": type(estimator).__name__,
        "parameters": _json_parameters(estimator),
        "n_features_in": estimator.n_features_in_,
        "other_names": getattr(estimator, "_other_names_", None),
    }
    if estimator._has_several_targets:
        described, arrays, tables = _describe_targets(estimator)
        return {**common, **described}, arrays, tables
    encoder, encoder_arrays = estimator._encoder_.to_state()
    members = estimator._model_
    arrays = {f"encoder.{name}": value for name, value in encoder_arrays.items()}
    networks = []
    for number, (weight, model) in enumerate(members.networks):
        state, model_arrays = model.to_state()
        networks.append({"weight": weight, **state})
        arrays |= {f"network.{number}.{name}": value for name, value in model_arrays.items()}
    described = {
        **common,
        "classes": _labels_to_dict(getattr(estimator, "classes_", None)),
        "units": dataclasses.asdict(estimator._units_) if hasattr(estimator, "_units_") else None,
        "class_offsets": getattr(estimator, "class_offsets_", np.empty(0)).tolist(),
        "temperature": getattr(estimator, "temperature_", 1.0),
        "shift": getattr(estimator, "_shift_", 0.0),
        "values": {name: getattr(estimator, name) for name in VALUES},
        "trials": trials_to_list(estimator.study_),
        "encoder": encoder,
        "n_classes": members.n_classes,
        "networks": networks,
        "weights_of_tables": [weight for weight, _ in members.tables],
        "weights_of_trials": sorted(getattr(estimator, "_weights_", {}).items()),
    }
    return described, arrays, [models for _, models in members.tables]


def _describe_targets(estimator):
    """What is kept of an estimator of several targets: that of each target, under its number."""
    arrays, tables, targets = {}, [], []
    names = zip(estimator.target_names_, estimator.estimators_, strict=True)
    for number, (name, one) in enumerate(names):
        described, its_arrays, its_tables = _describe(one)
        name = name if isinstance(name, (str, int, float)) else str(name)
        targets.append({"name": name, **described})
        arrays |= {f"target.{number}.{key}": array for key, array in its_arrays.items()}
        tables += its_tables
    return {"targets": targets, "fit_time_s": estimator.fit_time_s_}, arrays, tables


def load(folder, *, trusted=()):
    """Read an estimator that ``save`` wrote; it predicts to the same bits, on any machine.

    Parameters
    ----------
    folder : str or path
    trusted : list of str, default=()
        Full names of further types that the models may consist of, such as
        ``"my_package.MyClassifier"`` of an own :class:`autometa.Family`. Loading runs their code.

    Returns
    -------
    AutoMetaClassifier or AutoMetaRegressor
        Fitted. Its study is in memory; arguments of the constructor that JSON cannot hold, and
        ``callbacks``, ``knowledge`` and ``storage``, have their defaults.

    Raises
    ------
    ArtefactError
        Where the folder holds no estimator, or a foreign, corrupted or unreadable one, or models of
        types that are not trusted; the message names them.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from autometa import AutoMetaClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AutoMetaClassifier(n_trials=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder)
    ...     again = load(folder)
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    from autometa.knowledge import read_description

    if isinstance(trusted, str) or not all(isinstance(name, str) for name in trusted):
        raise InvalidInputError(
            f"trusted must be a list of full names of types, got {trusted!r}. "
            "Give e.g. ['my_package.MyClassifier']."
        )
    folder = Path(folder)
    described = read_description(
        folder / DESCRIPTION,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        oldest_version=OLDEST_VERSION,
        written_by="`autometa fit` or the save method of an estimator",
    )
    try:
        parts = described.get("targets", [described])
        has_tables = any(part["weights_of_tables"] for part in parts)
        names = [TENSORS, TABLES] if has_tables else [TENSORS]
        tensors, *tables = ((folder / name).read_bytes() for name in names)
        if _checksum(described, tensors, *tables) != described.pop("sha256", None):
            raise ArtefactError(
                f"{folder} is corrupted: its content does not match its checksum. "
                "Copy it again, or fit and save anew."
            )
        return _restore(described, safetensors.load(tensors), _read_tables(trusted, *tables))
    except ArtefactError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{folder} holds no complete estimator: {error!r}.") from error


def _is_ours(name):
    """Whether a name is of something that a module of ours defines, not of what it imports."""
    module, _, attribute = name.rpartition(".")
    if not name.startswith(TRUSTED_PREFIXES):
        return False
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError):
        return False
    return getattr(found, "__module__", None) == module


def _read_tables(trusted, content=None):
    """Read models of tables, refusing types that none of ours consists of and none named."""
    if content is None:
        return []
    import skops.io

    found = skops.io.get_untrusted_types(data=content)
    ours = TRUSTED_TYPES.union(trusted)
    foreign = [name for name in found if name not in ours and not _is_ours(name)]
    if foreign:
        raise ArtefactError(
            f"The models hold types that autometa does not write: {', '.join(foreign)}. If they "
            "are of a family of yours, and you trust who saved the folder, name them: "
            f"load(folder, trusted={foreign})."
        )
    try:
        return skops.io.loads(content, trusted=found)
    except (ImportError, AttributeError) as error:
        raise ArtefactError(
            f"The models need code that cannot be imported here: {error}. "
            "Install or import what defines the estimators of the folder."
        ) from error


def _restore(described, arrays, tables):
    from autometa.estimators import AutoMetaClassifier, AutoMetaRegressor
    from autometa.estimators._members import Members
    from autometa.families import NetworkModel

    classes = {"AutoMetaClassifier": AutoMetaClassifier, "AutoMetaRegressor": AutoMetaRegressor}
    estimator = classes[described["class"]](**described["parameters"])
    estimator.n_features_in_ = described["n_features_in"]
    estimator._other_names_ = described.get("other_names")
    if "targets" in described:
        return _restore_targets(estimator, described, arrays, tables)
    encoder_arrays = _under("encoder.", arrays)
    estimator._encoder_ = TableEncoder.from_state(described["encoder"], encoder_arrays)
    networks = [
        (state["weight"], NetworkModel.from_state(state, _under(f"network.{number}.", arrays)))
        for number, state in enumerate(described["networks"])
    ]
    tables = list(zip(described["weights_of_tables"], tables, strict=True))
    estimator._model_ = Members(described["n_classes"], networks, tables)
    estimator._weights_ = dict(described["weights_of_trials"])
    if hasattr(estimator._encoder_, "feature_names_in_"):
        estimator.feature_names_in_ = estimator._encoder_.feature_names_in_
    if described["classes"] is not None:
        estimator.classes_ = _labels_from_dict(described["classes"])
        estimator.class_offsets_ = np.array(described["class_offsets"], dtype=np.float64)
        estimator.temperature_ = described.get("temperature", 1.0)
    if described["units"] is not None:
        estimator._units_ = TargetUnits(**described["units"])
        estimator._shift_ = described["shift"]
    values = described["values"]
    estimator._task_, estimator._metafeatures_ = None, values.pop("metafeatures_")
    for name, value in values.items():
        setattr(estimator, name, value)
    estimator.study_ = trials_from_list(described["trials"])
    return estimator


def _restore_targets(estimator, described, arrays, tables):
    left, fitted = iter(tables), []
    for number, target in enumerate(described["targets"]):
        its_tables = list(islice(left, len(target["weights_of_tables"])))
        fitted.append(_restore(target, _under(f"target.{number}.", arrays), its_tables))
    gather(estimator, [target["name"] for target in described["targets"]], fitted)
    if hasattr(fitted[0], "feature_names_in_"):
        estimator.feature_names_in_ = fitted[0].feature_names_in_
    estimator.fit_time_s_ = described["fit_time_s"]
    return estimator


def _under(prefix, arrays):
    """The arrays whose names begin with a prefix, by what follows it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _json_parameters(estimator):
    """The constructor's arguments, without those that JSON would change."""
    kept = {}
    for name, value in estimator.get_params(deep=False).items():
        value = value.item() if isinstance(value, np.generic) else value
        try:
            is_same = json.loads(json.dumps(value)) == value
        except (TypeError, ValueError):
            continue
        if is_same and name not in UNSAVED_PARAMETERS:
            kept[name] = value
    return kept


def _labels_to_dict(labels):
    if labels is None:
        return None
    if labels.dtype.kind == "M":
        return {"dtype": labels.dtype.str, "labels": labels.astype(np.int64).tolist()}
    values = labels.tolist()
    if not all(isinstance(value, (str, bool, int, float)) for value in values):
        raise InvalidInputError(
            f"Classes of type {type(values[0]).__name__} cannot be saved. "
            "Fit with labels that are text, numbers or booleans."
        )
    return {"dtype": labels.dtype.str, "labels": values}


def _labels_from_dict(described):
    dtype = np.dtype(described["dtype"])
    if dtype.kind == "M":
        return np.array(described["labels"], dtype=np.int64).astype(dtype)
    return np.array(described["labels"], dtype=dtype)


def _checksum(described, *contents):
    others = {name: value for name, value in described.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(others, sort_keys=True).encode())
    for content in contents:
        digest.update(content)
    return digest.hexdigest()
