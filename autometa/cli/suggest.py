"""``autometa suggest``: from a table in a file to configurations worth trying first."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from autometa.cli._errors import Debug, print_line
from autometa.cli.fit import Kind

NAME = "suggest"
EXAMPLE = """\b
Examples:
  autometa suggest data.csv --target y --family knn --json
  autometa suggest data.csv --target y --family lightgbm -n 5 --knowledge collected
  autometa suggest data.csv --target y --family svm --cost-exponent 1"""


def run(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Table: .csv, .csv.gz, .parquet or .arff.")
    ],
    target: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column to predict.", show_default=False)
    ],
    family: Annotated[
        str,
        typer.Option(metavar="NAME", help="What will be tuned, e.g. lightgbm.", show_default=False),
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="How many configurations.")] = 10,
    kind: Annotated[
        Kind | None, typer.Option(help="What the target is; by default as its values look.")
    ] = None,
    knowledge: Annotated[
        str, typer.Option(metavar="FOLDER", help="A folder of `autometa collect`.")
    ] = "default",
    cost_exponent: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="POWER",
            help="Gain counts per predicted second to this power: 0 per trial, 1 per second.",
        ),
    ] = 0.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs to read.")
    ] = False,
    debug: Debug = False,
):
    """Propose hyperparameters for a table, best first, from what others scored on other tables.

    Hyperparameters have the names of the family's own library. Predicted scores are in the units
    of the knowledge; higher is better. Predicted seconds are of one evaluation on tables such as
    those known, whatever the size of this one: what ships is of at most 1,000 rows.
    """
    from autometa.search import suggest
    from autometa.tasks import task_from_file

    task = task_from_file(file, target, None if kind is None else kind.value)
    proposals = suggest(
        task.X,
        task.y,
        family=family,
        n=n,
        knowledge=knowledge,
        cost_exponent=cost_exponent,
        kind=task.kind,
    )
    typer.echo(f"{task.name}: {task.n_rows} rows, {task.n_features} columns, {task.kind}", err=True)
    typer.echo(_as_json(task, family, proposals) if as_json else _as_table(proposals))
    if proposals[0].origin == "portfolio":
        print_line(
            "Warning: this table is far from every known one (out-of-distribution score "
            f"{proposals[0].ood_score}); the proposals are those that served known tables best."
        )


def _as_json(task, family, proposals):
    found = {
        "task": {"name": task.name, "kind": task.kind, "n_rows": task.n_rows},
        "family": family,
        "ood_score": proposals[0].ood_score,
        "proposals": [asdict(proposal) for proposal in proposals],
    }
    return json.dumps(found, indent=1)


def _as_table(proposals):
    import pandas as pd

    names = dict.fromkeys(name for proposal in proposals for name in proposal.config)
    rows = [
        {
            "": number,
            **{name: _shown(proposal.config.get(name)) for name in names},
            "predicted": _shown(proposal.predicted_score),
            "seconds": _shown(proposal.predicted_cost_s),
            "origin": proposal.origin,
        }
        for number, proposal in enumerate(proposals, start=1)
    ]
    return pd.DataFrame(rows).to_string(index=False)


def _shown(value):
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
