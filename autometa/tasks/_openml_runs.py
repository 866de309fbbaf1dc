"""Predictions published as a run on OpenML, through its own client."""

import logging

import numpy as np

from autometa.exceptions import InvalidInputError
from autometa.tasks.openml import _clear_errors, _client, load_task

logger = logging.getLogger(__name__)


def publish_run(task_id, predictions, *, name, version, description, settings=None, measures=None):
    """Publish predictions on all splits of an OpenML task.

    Parameters
    ----------
    task_id : int
    predictions : dict of int to tuple of (rows, prediction)
        By split, numbered as :func:`load_task` has them: the positions of the test rows, and
        probabilities of shape (n_rows, n_classes), the classes sorted as ``Task.classes``, or
        numbers of shape (n_rows,).
    name, version, description : str
        Of the flow; one of that name and version is made where there is none.
    settings : dict, optional
        Values of the flow's parameters.
    measures : dict of str to dict of int to float, optional
        Evaluations by OpenML's name of the measure and by split.

    Returns
    -------
    int
        The id of the run.

    Raises
    ------
    InvalidInputError
        Where a split has no predictions.
    OpenMLError
        Where OpenML refuses the run or cannot be reached.
    """
    openml = _client()
    task = load_task(task_id)  # the rows and labels as predictions know them
    with _clear_errors(f"task {task_id}"):
        described = openml.tasks.get_task(task_id)
        n_repeats, n_folds, _ = described.get_split_dimensions()
    lacking = sorted(set(range(n_repeats * n_folds)) - set(predictions))
    if lacking:
        raise InvalidInputError(
            f"A run on OpenML task {task_id} needs predictions of all its {n_repeats * n_folds} "
            f"splits; {lacking[:5]} are missing."
        )
    place = {split: divmod(split, n_folds) for split in predictions}  # repeat, fold
    flow = _flow(openml, name, version, description, settings or {})
    with _clear_errors(f"flow {name}"):
        flow.publish()
    run = openml.runs.OpenMLRun(
        task_id=task_id,
        flow_id=flow.flow_id,
        dataset_id=described.dataset_id,
        flow=flow,
        parameter_settings=[
            {"oml:name": key, "oml:value": str(value), "oml:component": flow.flow_id}
            for key, value in (settings or {}).items()
        ],
        tags=["autometa-bench"],
        fold_evaluations=_by_place(measures or {}, place),
        data_content=[
            row
            for split, (rows, prediction) in sorted(predictions.items())
            for row in _rows(openml, task, described, place[split], rows, prediction)
        ],
        description_text=description,
    )
    with _clear_errors(f"a run on task {task_id}"):
        run.publish()
    logger.info("Published run %s on OpenML task %s.", run.run_id, task_id)
    return int(run.run_id)


def _flow(openml, name, version, description, settings):
    return openml.flows.OpenMLFlow(
        name=name,
        description=description,
        model=None,
        components={},
        parameters=dict.fromkeys(settings),
        parameters_meta_info={key: {"description": None, "data_type": None} for key in settings},
        external_version=version,
        tags=[],
        language="English",
        dependencies=None,
    )


def _rows(openml, task, described, place, rows, prediction):
    """The predictions of one split as OpenML's table of predictions has them."""
    write = openml.runs.functions.format_prediction
    truth = task.y.iloc[rows]
    if task.kind == "regression":
        for row, value, true in zip(rows, prediction, truth, strict=True):
            yield write(described, *place, int(row), float(value), float(true))
        return
    # OpenML writes booleans in its own way, e.g. True as "TRUE".
    spelled = {str(label).casefold(): str(label) for label in described.class_labels}
    labels = [spelled.get(str(label).casefold(), str(label)) for label in task.classes]
    absent = dict.fromkeys(map(str, described.class_labels), 0.0)
    total = prediction.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, prediction / np.where(total > 0, total, 1), 1 / len(labels))
    codes = np.searchsorted(task.classes, truth.to_numpy())
    for row, code, share in zip(rows, codes, shares, strict=True):
        probabilities = {**absent, **dict(zip(labels, map(float, share), strict=True))}
        found = labels[int(share.argmax())]
        yield write(described, *place, int(row), found, labels[code], proba=probabilities)


def _by_place(measures, place):
    found = {}
    for measure, values in measures.items():
        for split, value in values.items():
            repeat, fold = place[split]
            found.setdefault(measure, {}).setdefault(repeat, {})[fold] = value
    return found
