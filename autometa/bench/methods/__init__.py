"""One file a method; what such a file holds is told at :class:`autometa.bench.Method`.

The files run in processes of their own, outside this package: they import nothing of it, and their
libraries only where they are used.
"""

__all__ = []
