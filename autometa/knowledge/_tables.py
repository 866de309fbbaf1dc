"""Tables of evaluations as Parquet, with cells of mixed type written as JSON texts."""

import hashlib
import io
import json

import numpy as np
import pandas as pd

from autometa.space import is_missing, plain_value


def to_parquet(table):
    """Write a table; columns of objects become texts of JSON.

    Returns
    -------
    bytes
    list of str
        The columns that were written so.
    """
    as_json = [name for name in table.columns if _is_mixed(table[name])]
    table = table.copy()
    for name in as_json:
        table[name] = [
            None if is_missing(value) else json.dumps(plain_value(value)) for value in table[name]
        ]
    buffer = io.BytesIO()
    table.to_parquet(buffer, compression="zstd")
    return buffer.getvalue(), as_json


def from_parquet(content, as_json):
    """Undo :func:`to_parquet`.

    Examples
    --------
    >>> table = pd.DataFrame({"hp_depth": [3, None, "auto"]}, dtype=object)
    >>> from_parquet(*to_parquet(table))["hp_depth"].tolist()
    [3, None, 'auto']
    """
    table = pd.read_parquet(io.BytesIO(content))
    for name in as_json:
        codes, texts = pd.factorize(table[name])
        values = np.empty(len(texts) + 1, dtype=object)  # the last, code -1, is None
        for i, text in enumerate(texts):
            values[i] = json.loads(text)
        table[name] = pd.Series(values[codes], index=table.index, dtype=object)
    return table


def checksum(content):
    """SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def _is_mixed(column):
    return not (
        pd.api.types.is_numeric_dtype(column.dtype) and not isinstance(column.dtype, pd.Categorical)
    )
