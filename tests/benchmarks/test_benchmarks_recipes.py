"""`python -m benchmarks recipes` trains recipes alike and measures them on other families."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from autometa.knowledge import Initialisation
from autometa.metatraining import is_meta_dev
from autometa.tasks import sample_prior_task
from benchmarks import recipes
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


def test_recipes_are_trained_once_and_measured_after_steps(corpus, tmp_path, capsys):
    chosen = {name: recipes.LEARNERS[name] for name in ("maml", "matching")}
    chosen["prior_first"] = recipes.RECIPES["prior_first"]
    options = {"n_steps": 2, "network": TINY, "split": "meta-valid"}

    figures = recipes.main(corpus, tmp_path, chosen, **options)
    again = recipes.main(corpus, tmp_path, chosen, **options, train=False)

    assert again == figures and figures["tables"] == 3
    assert [row["recipe"] for row in figures["trainings"]] == list(chosen)
    assert all(row["episodes"] == 16 for row in figures["trainings"])
    losses = pd.DataFrame(figures["losses"]).set_index(["recipe", "table", "steps"])["loss"]
    assert losses["maml", "t1", 0] != losses["maml", "t1", 20]
    assert losses["matching", "t0", 0] == losses["matching", "t0", 20]
    recipes.print_figures(figures)
    assert "3 tables of meta-valid" in capsys.readouterr().out


def test_a_later_stage_starts_from_the_one_before(corpus, tmp_path):
    stages = {"prior_first": recipes.RECIPES["prior_first"]}

    recipes.main(corpus, tmp_path, stages, n_steps=2, network=TINY, max_tasks=1)

    found = Initialisation.load(tmp_path / "prior_first")
    assert found.provenance["real_share"] == 0.45
    assert found.provenance["start"]["real_share"] == 0.0


@pytest.mark.parametrize("position", [0, 1])
def test_what_does_not_end_counts_as_knowing_nothing(corpus, position):
    task = corpus_tasks(corpus, "meta-valid")[position]
    half = halve(task, seed=0, max_rows=60)
    encoded, _, y_test = half.encode(100)

    found = recipes._measure(np.full((len(y_test), 2), np.nan), encoded, y_test)["loss"]

    if half.n_classes is None:
        assert found == pytest.approx(1.0, abs=0.5)
    else:
        shares = np.bincount(encoded.y, minlength=half.n_classes) / len(encoded.y)
        tiled = np.tile(shares, (len(y_test), 1))
        assert found == pytest.approx(log_loss(y_test, tiled, labels=np.arange(len(shares))))
