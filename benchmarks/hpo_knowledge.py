"""What methods may know: nothing of the tables that they are compared on."""

import hashlib

import pandas as pd

from autometa.metatraining import is_meta_dev
from autometa.tasks import fingerprint, read_index


def held_out(knowledge, corpus, split, tasks):
    """Make sure that the knowledge holds nothing of the tables that methods are compared on.

    Returns
    -------
    knowledge : Knowledge
    left_out : list of str
        Known tasks that were left out of it.
    """
    index = read_index(corpus)
    if split == "meta-dev":
        index = index[index["family"].map(is_meta_dev) & (index["split"] == "meta-train")]
        tested = sorted(set(index["family"]))
    else:
        tested = sorted(set(index.loc[index["split"] == split, "family"]))
        seen = {about.get("family") for about in knowledge.tasks.values()} & set(tested)
        assert not seen, f"The knowledge was collected on families of {split}: {sorted(seen)}."
    prints = [fingerprint(task.X, task.y) for task in tasks]
    alike = set(tested) & set(knowledge.families)
    assert not alike, f"{sorted(alike)} are families of tables and of models."
    kept = knowledge.filter(exclude=[*tested, *prints])
    return kept, sorted(set(knowledge.tasks) - set(kept.tasks))


def checksum_of(knowledge):
    """A short digest of the evaluations and meta-features."""
    digest = hashlib.sha256()
    tables = [*knowledge.tables.values(), knowledge.metafeatures.reset_index()]
    for table in tables:
        text = table.astype(str)
        digest.update(" ".join(text.columns).encode())
        digest.update(pd.util.hash_pandas_object(text, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]
