"""Any table becomes float arrays of a schema that needs no fixed width."""

from autometa.encoding._scaler import ColumnScaler
from autometa.encoding._table import TableEncoder

__all__ = ["ColumnScaler", "TableEncoder"]
