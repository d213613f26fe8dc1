"""Files that no processor should write: each ends as an index or as poison, in bounded memory, and never otherwise."""
