"""Measurements: one file of frames in, an index of them out, and ranges of that index read back.

`inflate` and `text` know bytes, `forms` the shapes of a file, `frame` what every frame has, `kinds` what frames can be
about. `blocks`, `overview` and `summary` are what is written of all frames, `indexing` is the one pass over a file,
`ranges` reads an index.
"""
