"""Measurements: one file of frames in, an index of them out, and ranges of that index read back.

`inflate` and `text` know bytes, `forms` the shapes of a file, `frame` what one frame may say, `blocks` and `summary`
what is written of all of them, `indexing` the one pass over a file, `ranges` what is read of its index.
"""
