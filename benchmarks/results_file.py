"""Runs kept one a line, so that a benchmark that was stopped goes on where it was."""

import json
from pathlib import Path


class ResultsFile:
    """A JSON-lines file of runs; what is in it need not be run again.

    Parameters
    ----------
    path : path
    key : tuple of str
        The fields that tell runs apart.
    """

    def __init__(self, path, key):
        self.path, self.key = Path(path), key
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def rows(self):
        if not self.path.exists():
            return []
        found = {}
        for line in self.path.read_text().splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # the line that a killed process was writing
                continue
            found[self._key_of(row)] = row
        return list(found.values())

    def holds(self, **fields):
        return self.find(**fields) is not None

    def find(self, **fields):
        """The run of these fields, or None."""
        key = self._key_of(fields)
        return next((row for row in self.rows() if self._key_of(row) == key), None)

    def add(self, row):
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _key_of(self, row):
        return tuple(json.dumps(row.get(name)) for name in self.key)
