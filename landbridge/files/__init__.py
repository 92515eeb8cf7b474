"""The files that people write, read at the edge: checked with file and line, turned into domain values."""
