from pathlib import Path

import pandas as pd
import pytest

from autometa.exceptions import InvalidInputError
from autometa.tasks import read_corpus, read_index

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    table = pd.DataFrame({"a": [1.0, 2.0, None], "b": pd.Categorical(list("xyx")), "t": [1, 2, 3]})
    for name, target in (("one", "t"), ("two", "b"), ("three", "b")):
        columns = [*(c for c in table if c != target), target]
        table[columns].to_parquet(tmp_path / "data" / f"{name}.parquet", index=False)
    index = pd.DataFrame(
        {
            "name": ["one", "two", "three"],
            "task": ["regression", "binary", "binary"],
            "target": ["t", "b", "b"],
            "openml_id": [31.0, None, None],
            "family": ["f", "f", None],
            "split": ["meta-train", "meta-train", "meta-valid"],
        }
    )
    index.to_csv(tmp_path / "index.csv", index=False)
    return tmp_path


def test_a_corpus_gives_its_tasks_in_order(folder):
    tasks = read_corpus(folder)

    assert tasks.names == ("one", "two", "three")
    assert [task.kind for task in tasks] == ["regression", "binary", "binary"]
    assert tasks[0].provenance == {
        "source": "corpus",
        "family": "f",
        "openml_data_id": 31,
        "split": "meta-train",
        "target": "t",
    }
    assert tasks[1].X.columns.tolist() == ["a", "t"]


def test_no_table_is_read_before_it_is_taken(folder):
    tasks = read_corpus(folder)
    (folder / "data" / "two.parquet").unlink()

    assert tasks[0].name == "one"
    with pytest.raises(InvalidInputError, match="There is no file .*two.parquet"):
        tasks[1]


def test_a_corpus_can_be_narrowed(folder):
    assert read_corpus(folder, split="meta-train").names == ("one", "two")
    assert read_corpus(folder, kinds=["binary"]).names == ("two", "three")
    assert read_corpus(folder, kinds="binary", split="meta-train").names == ("two",)
    assert read_corpus(folder, names=["three"])[0].name == "three"


def test_a_table_without_a_family_is_its_own(folder):
    assert read_index(folder)["family"].tolist() == ["f", "f", "three"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "no split 'test', but .*meta-train"),
        ({"kinds": ["ranking"]}, "kinds must be among"),
        ({"names": ["four"]}, "no name 'four', but .*'one'"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(folder, options, message):
    with pytest.raises(InvalidInputError, match=message):
        read_corpus(folder, **options)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (None, "has no index.csv. A corpus is a folder"),
        ("colour,size\nred,1\n", r"lacks the columns \['name', 'task', 'target'\]"),
        ("name,task,target\na,ranking,t\n", r"found \['ranking'\]"),
        ("name,task,target\na,binary,t\na,binary,t\n", "'a' is listed twice"),
        ("", "no readable CSV"),
    ],
)
def test_a_foreign_folder_is_refused(tmp_path, index, message):
    if index is not None:
        (tmp_path / "index.csv").write_text(index)

    with pytest.raises(InvalidInputError, match=message):
        read_corpus(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="There is no folder .*nowhere"):
        read_corpus(tmp_path / "nowhere")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus next to the checkout")
def test_every_small_table_of_the_real_corpus_makes_a_task():
    index = read_index(CORPUS)
    small = index[index["n_rows"] * index["n_features"] < 5_000]

    tasks = list(read_corpus(CORPUS, names=small["name"]))

    assert [task.n_rows for task in tasks] == small["n_rows"].tolist()
    assert [task.n_features for task in tasks] == small["n_features"].tolist()
