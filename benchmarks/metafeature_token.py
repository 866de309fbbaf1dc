"""Do meta-features in the table's token help? Two meta-trainings of equal time, on meta-dev."""

import numpy as np
import pandas as pd
import torch

from autometa.metafeatures import MetaFeatureExtractor, compute_metafeatures
from autometa.metalearners import MAML
from autometa.metatraining import (
    Budget,
    EpisodeBatches,
    PreparedTable,
    half_split,
    is_meta_dev,
    meta_train,
)
from autometa.networks import ColumnStatisticsInitialiser
from autometa.tasks import read_corpus

N_METAFEATURES = len(MetaFeatureExtractor().fit(None).get_feature_names_out())


class ConditionedInitialiser(ColumnStatisticsInitialiser):
    """The initialiser, every column of which also hears the table's meta-features."""

    n_table_numbers = ColumnStatisticsInitialiser.n_table_numbers + N_METAFEATURES

    def describe_table(self, support, is_regression):
        return torch.cat([super().describe_table(support, is_regression), support["metafeatures"]])


class ConditionedMAML(MAML):
    initialiser_class = ConditionedInitialiser


class DescribedBatches(EpisodeBatches):
    """Batches whose support carries the meta-features of its rows."""

    def __getitem__(self, number):
        episodes = super().__getitem__(number)
        supports = [
            {name: tensor[i] for name, tensor in episodes.support.items()}
            for i in range(self.batch_size)
        ]
        described = torch.stack([_describe(rows, episodes.is_regression) for rows in supports])
        episodes.support["metafeatures"] = described
        return episodes


def _describe(rows, is_regression):
    """Meta-features of encoded rows, squashed and without gaps."""
    is_row, is_column = rows["weight"] > 0, rows["column_mask"] > 0
    X = rows["X"][is_row][:, is_column].numpy()
    values = pd.DataFrame(np.where(X[..., 2] > 0, np.nan, X[..., 0]).astype(np.float64))
    target = rows["target"][is_row].numpy()
    y = target[:, 0].astype(np.float64) if is_regression else target.argmax(1)
    kind = "regression" if is_regression else "classification"
    found = np.array(list(compute_metafeatures(values, y, kind).values()))
    squashed = np.sign(found) * np.log1p(np.abs(found)) / 2
    return torch.as_tensor(np.nan_to_num(squashed), dtype=torch.float32)


def main(corpus, *, minutes=10.0, seeds=(0,), n_steps=None):
    """Meta-train with and without meta-features, ``minutes`` each, and compare on meta-dev.

    Returns
    -------
    list of dict
        One a run: ``seed``, ``metafeatures``, ``n_steps`` and the losses on meta-dev.
    """
    tables, validation = [], []
    for task in read_corpus(corpus, split="meta-train"):
        rng = np.random.default_rng([0, *task.name.encode()])
        if is_meta_dev(str(task.provenance.get("family", task.name))):
            validation.append(half_split(task, rng=rng))
        else:
            tables.append(PreparedTable.from_task(task, rng=rng))
    for episode in validation:
        episode.support["metafeatures"] = _describe(episode.support, episode.is_regression)
    rows = []
    for seed in seeds:
        for learner, batches_class in ((MAML, EpisodeBatches), (ConditionedMAML, DescribedBatches)):
            batches = batches_class(tables, batch_size=8, real_share=0.6, seed=seed)
            budget = Budget(hours=minutes / 60, n_steps=n_steps)
            _, progress = meta_train(
                learner(n_inner_steps=2), batches, budget, seed=seed, validation=validation
            )
            described = {"seed": seed, "metafeatures": learner is ConditionedMAML}
            rows.append({**described, **progress["curve"][-1]})
    return rows


def print_figures(rows):
    print(pd.DataFrame(rows).to_string(index=False))
