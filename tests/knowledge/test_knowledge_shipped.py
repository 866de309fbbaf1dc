"""The evaluations inside the package: what they are of, and that they serve a new table."""

from pathlib import Path

import pytest
from optuna.distributions import IntDistribution
from sklearn.datasets import load_diabetes, load_wine

import autometa
from autometa import Knowledge, suggest
from autometa.exceptions import InvalidInputError
from autometa.families import FAMILIES, find_family
from autometa.knowledge import Initialisation
from autometa.tasks import read_index

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(autometa.__file__).parent / "knowledge" / "shipped" / "evaluations"
SHIPPED = Knowledge.default().families
#: Tables and rows of each at least; the network has seen most tables, and adapts slowly.
FEWEST, FEWEST_OF_NETWORK = (150, 1_000), (30, 300)


def test_the_provenance_tells_what_is_inside():
    knowledge = Knowledge.default()

    assert {"linear", "knn", "svm", "lightgbm", "extra_trees"} <= set(SHIPPED)
    for family, table in knowledge.tables.items():
        told = knowledge.provenance["collected"][family]
        n_tasks, n_rows = FEWEST_OF_NETWORK if family == "adapted_network" else FEWEST
        assert told["n_tasks"] == table["task"].nunique() >= n_tasks
        hyperparameters = [name for name in table if name.startswith("hp_")]
        configs = table.drop_duplicates(["task", *hyperparameters])  # curves have many points
        assert told["n_configs"] == configs.groupby("task").size().max()
        limits = knowledge.provenance["settings"][family]["settings"]
        assert limits["n_folds"] == 3 and limits["max_rows"] >= n_rows
        assert set(knowledge.spaces[family]) == set(
            find_family(family).space(is_regression=True)
            | find_family(family).space(is_regression=False)
        )


def test_the_network_was_evaluated_on_tables_that_it_had_not_seen():
    seen = {task["name"] for task in Initialisation.default().provenance["tasks"]}

    evaluated = set(Knowledge.default().tables["adapted_network"]["task"])

    assert seen and not seen & evaluated


def test_every_task_has_metafeatures_and_a_fingerprint():
    knowledge = Knowledge.default()

    assert knowledge.metafeatures.notna().any(axis=1).all()
    assert set(knowledge.metafeatures.index) == set(knowledge.tasks)
    for about in knowledge.tasks.values():
        assert about["fingerprint"] and about["family"] and about["kind"]


def test_no_table_of_the_families_for_validation_is_inside():
    corpus = ROOT.parent / "shared" / "corpus"
    if not (corpus / "index.csv").is_file():
        pytest.skip("the corpus is not at ../shared/corpus")
    index = read_index(corpus)
    held_out = set(index.loc[index["split"] == "meta-valid", "family"])

    assert not held_out & {about["family"] for about in Knowledge.default().tasks.values()}


def test_the_files_are_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5e6


@pytest.mark.parametrize("family", SHIPPED)
@pytest.mark.parametrize("load", [load_wine, load_diabetes])
def test_proposals_come_for_a_new_table_and_lie_in_the_space_of_the_family(family, load):
    X, y = load(return_X_y=True, as_frame=True)
    space = find_family(family).space(is_regression=load is load_diabetes)

    proposals = suggest(X, y, family=family, n=5)

    assert len(proposals) == 5
    for proposal in proposals:
        assert set(proposal.config) <= set(space)
        for name, value in proposal.config.items():
            assert space[name]._contains(space[name].to_internal_repr(value))
            assert isinstance(value, int) or not isinstance(space[name], IntDistribution)
        assert proposal.predicted_score < 0 and proposal.predicted_cost_s > 0


def test_a_family_that_it_lacks_is_told_with_those_that_it_has():
    for family in set(FAMILIES) - set(SHIPPED):
        with pytest.raises(InvalidInputError, match=f"no evaluations of.*{family}.*linear"):
            suggest(family=family)
