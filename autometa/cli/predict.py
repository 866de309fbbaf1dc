"""``autometa predict``: from a model and a table to a file of predictions."""

import os
from pathlib import Path
from typing import Annotated

import typer

from autometa.cli._errors import Debug
from autometa.cli._output import check_file

NAME = "predict"
EXAMPLE = "Example: autometa predict model new.csv --out predictions.csv --proba"


def run(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A model that `autometa fit` wrote.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Table: .csv, .csv.gz, .parquet or .arff.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="CSV",
            help="Where the predictions go: a line for each row of FILE, in its order.",
            show_default=False,
        ),
    ],
    proba: Annotated[
        bool,
        typer.Option("--proba", help="Before the prediction, also the probability of each class."),
    ] = False,
    debug: Debug = False,
):
    """Predict the rows of a table.

    Columns that the model does not know, such as its target, are left out.
    """
    check_file(out, "--out")

    import pandas as pd

    from autometa.estimators import load
    from autometa.exceptions import InvalidInputError
    from autometa.tasks import read_table

    if out.exists() and file.exists() and out.samefile(file):
        raise InvalidInputError(f"--out {out} is the table itself. Name another file.")
    model = load(folder)
    if proba and not hasattr(model, "predict_proba"):
        raise InvalidInputError(f"--proba is for classes, but {folder} predicts numbers.")
    X = _known_columns(model, read_table(file, keep=getattr(model, "feature_names_in_", ())))
    targets = [f"_{name}" for name in getattr(model, "target_names_", [])]
    names = [f"prediction{target}" for target in targets or [""]]
    predictions = pd.DataFrame(model.predict(X), columns=names)
    if proba:
        predictions = pd.concat([*_shares(model, X, targets), predictions], axis=1)
    _write(predictions, out)
    typer.echo(f"{out}: {len(predictions)} predictions")


def _shares(model, X, targets):
    """A table of probabilities for the one target, or for each of several."""
    import pandas as pd

    shares, classes = model.predict_proba(X), model.classes_
    if not targets:
        targets, shares, classes = [""], [shares], [classes]
    for target, values, labels in zip(targets, shares, classes, strict=True):
        yield pd.DataFrame(values, columns=[f"probability{target}_{label}" for label in labels])


def _known_columns(model, X):
    """Take the model's columns where they are all there; else leave it to the model to complain."""
    names = list(getattr(model, "feature_names_in_", []))
    others = [column for column in X.columns if column not in names]
    if not names or not set(names) <= set(X.columns):
        return X
    if others:
        shown = ", ".join(map(str, others[:5])) + (", ..." if len(others) > 5 else "")
        typer.echo(f"Left out, not known to the model: {shown}", err=True)
    return X[names]


def _write(predictions, out):
    """Write all or nothing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.name}.partial")
    try:
        predictions.to_csv(partial, index=False)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
