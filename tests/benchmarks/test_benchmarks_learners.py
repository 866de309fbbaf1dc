"""`python -m benchmarks learners` trains every learner alike and measures it on other families."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from autometa.metatraining import is_meta_dev
from autometa.tasks import sample_prior_task
from benchmarks import learners
from benchmarks.halves import corpus_tasks, halve

TINY = {"n_hidden": 8, "n_token": 8, "n_layers": 1}
FAMILIES = [name for name in "abcdefghijklmnop" if not is_meta_dev(name)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "data").mkdir()
    described = []
    for seed, kind in enumerate(["binary", "regression", "multiclass"] * 2):
        task = sample_prior_task(np.random.default_rng(seed), kind=kind, n_rows=80, n_columns=4)
        frame = task.X.assign(target=task.y.to_numpy()).rename(columns=str)
        frame.to_parquet(folder / "data" / f"t{seed}.parquet")
        described.append(
            {
                **{"name": f"t{seed}", "task": kind, "target": "target", "n_rows": len(frame)},
                **{"n_features": task.n_features, "family": FAMILIES[seed]},
                "split": "meta-valid" if seed < 3 else "meta-train",
            }
        )
    pd.DataFrame(described).to_csv(folder / "index.csv", index=False)
    return folder


def test_learners_are_trained_once_and_measured_after_steps(corpus, tmp_path, capsys):
    options = {"learners": ["maml", "protonet", "matching"], "n_steps": 2, "network": TINY}

    figures = learners.main(corpus, tmp_path, **options)
    again = learners.main(corpus, tmp_path, **options, train=False)

    assert again == figures and figures["tables"] == 3
    rows = {row["learner"]: row for row in figures["rows"]}
    assert list(rows) == options["learners"]
    assert all(row["episodes"] == 16 for row in rows.values())
    assert rows["maml"]["numbers_0"] != rows["maml"]["numbers_20"]
    assert rows["matching"]["classes_0"] == rows["matching"]["classes_20"]
    learners.print_figures(figures)
    assert "3 tables of meta-valid" in capsys.readouterr().out


@pytest.mark.parametrize("position", [0, 1])
def test_what_does_not_end_counts_as_knowing_nothing(corpus, position):
    task = corpus_tasks(corpus, "meta-valid")[position]
    half = halve(task, seed=0, max_rows=60)
    encoded, _, y_test = half.encode(100)

    found = learners._loss(np.full((len(y_test), 2), np.nan), encoded, y_test)

    if half.n_classes is None:
        assert found == pytest.approx(1.0, abs=0.5)
    else:
        shares = np.bincount(encoded.y, minlength=half.n_classes) / len(encoded.y)
        tiled = np.tile(shares, (len(y_test), 1))
        assert found == pytest.approx(log_loss(y_test, tiled, labels=np.arange(len(shares))))
