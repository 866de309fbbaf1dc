"""`autometa suggest`, from knowledge that `autometa collect` wrote."""

import json

import pandas as pd
import pytest

from autometa import Knowledge, suggest
from autometa.families import find_family


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A folder in which three tables were collected."""
    from cli.conftest import draw_table

    from autometa.collecting import collect
    from autometa.tasks import task_from_arrays

    folder = tmp_path_factory.mktemp("collected")
    tasks = []
    for seed in range(3):
        table = draw_table(seed)
        tasks.append(task_from_arrays(table.drop(columns="y"), table["y"], name=f"table-{seed}"))
    collect(tasks, ["knn"], 4, folder, time_limit_s=None).to_knowledge().save(folder)
    return folder


def test_a_table_of_proposals_is_printed_best_first(run, table, collected):
    result = run(
        *("suggest", table, "--target", "y", "--family", "knn", "-n", 3),
        *("--knowledge", collected),
    )

    assert result.exit_code == 0, result.stderr
    head, *rows = result.stdout.splitlines()
    assert {"n_neighbors", "weights", "predicted", "seconds", "origin"} <= set(head.split())
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert "table: 80 rows, 4 columns, binary" in result.stderr


def test_programs_read_json(run, table, collected):
    options = ("--target", "y", "--family", "knn", "-n", 2, "--knowledge", collected, "--json")

    result = run("suggest", table, *options)

    found = json.loads(result.stdout)
    assert found["task"] == {"name": "table", "kind": "binary", "n_rows": 80}
    proposals = suggest(family="knn", n=2, knowledge=Knowledge.load(collected))
    assert [one["config"] for one in found["proposals"]] == [one.config for one in proposals]
    assert {"predicted_score", "predicted_cost_s", "origin", "neighbours", "ood_score"} <= set(
        found["proposals"][0]
    )


@pytest.mark.parametrize(("options", "first"), [([], "rbf"), (["--cost-exponent", 1], "sigmoid")])
def test_cheap_ones_come_first_where_seconds_count(run, table, tmp_path, options, first):
    configs = pd.DataFrame({"hp_kernel": ["rbf", "sigmoid", "poly"]})
    rows = configs.assign(family="svm", score=[0.9, 0.88, 0.5], cost_s=[100.0, 1.0, 1.0])
    scores = pd.concat([rows.assign(task=task) for task in "abcde"])
    Knowledge.from_evaluations(scores, None).save(tmp_path / "costly")

    result = run(
        *("suggest", table, "--target", "y", "--family", "svm", "-n", 1, "--json"),
        *("--knowledge", tmp_path / "costly", *options),
    )

    assert result.exit_code == 0, result.stderr
    [proposal] = json.loads(result.stdout)["proposals"]
    assert proposal["config"] == {"kernel": first}


def test_meta_features_of_other_names_do_without_those_of_the_table(run, table, tmp_path):
    rows = pd.DataFrame({"task": list("aabb"), "family": "knn", "hp_k": [1, 9] * 2, "score": 0.5})
    described = pd.DataFrame({"my_size": [1.0, 2.0]}, index=["a", "b"])
    Knowledge.from_evaluations(rows, described).save(tmp_path / "own")

    result = run(
        *("suggest", table, "--target", "y", "--family", "knn", "-n", 1, "--json"),
        *("--knowledge", tmp_path / "own"),
    )

    assert result.exit_code == 0, result.stderr
    assert "Warning: The knowledge has meta-features of other names (my_size, ...)" in result.stderr
    assert json.loads(result.stdout)["ood_score"] is None


def test_collecting_writes_what_is_suggested_from(run, table, make_corpus, tmp_path):
    corpus = make_corpus(["first", "second"])
    run(
        *("collect", "--corpus", corpus, "--families", "linear", "--n-configs", 2),
        *("--out", tmp_path / "out"),
    )

    result = run(
        *("suggest", table, "--target", "z", "--family", "linear", "-n", 1, "--json"),
        *("--knowledge", tmp_path / "out"),
    )

    assert result.exit_code == 0, result.stderr
    knowledge = Knowledge.load(tmp_path / "out")
    assert list(knowledge.tasks) == ["table-0", "table-1"]
    assert knowledge.tasks["table-0"]["family"] == "first"
    assert len(knowledge.metafeatures.columns) > 40


def test_what_ships_proposes_for_lightgbm_in_its_own_names(run, table):
    result = run("suggest", table, "--target", "y", "--family", "lightgbm", "-n", 5, "--json")

    assert result.exit_code == 0, result.stderr
    proposals = json.loads(result.stdout)["proposals"]
    space = find_family("lightgbm").space(is_regression=False)
    assert len({json.dumps(proposal["config"]) for proposal in proposals}) == 5
    for proposal in proposals:
        assert set(proposal["config"]) == set(space)
        for name, value in proposal["config"].items():
            assert space[name]._contains(space[name].to_internal_repr(value)), name
        assert proposal["predicted_cost_s"] > 0 and proposal["ood_score"] > 0


@pytest.mark.parametrize(
    "options, said",
    [
        (["--family", "svm"], "holds no evaluations of the family 'svm' (it has knn)"),
        (["--family", "knn", "-n", "0"], "-n"),
        (["--family", "knn", "--cost-exponent", "-1"], "--cost-exponent"),
        (["--family", "knn", "--target", "w"], "'w'"),
        (["--family", "knn", "--knowledge", "nowhere"], "autometa collect"),
        (["--family", "no such family", "--knowledge", "default"], "autometa collect"),
    ],
)
def test_bad_options_are_refused_in_one_line(refused, table, collected, options, said):
    given = {"--target": "y", "--knowledge": str(collected)}
    given |= dict(zip(options[::2], options[1::2], strict=True))

    assert said in refused("suggest", table, *[part for item in given.items() for part in item])


def test_the_help_shows_an_example(run):
    shown = run("suggest", "--help").stdout

    assert "at most 1,000 rows" in " ".join(shown.split())
    assert "autometa suggest data.csv --target y --family lightgbm -n 5" in shown
