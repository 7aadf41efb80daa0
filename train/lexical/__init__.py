"""Lexical pairs: words beside nonwords of the same phones, spoken with units of held-out speakers.

`pair_file.make_pairs` writes the file that `undertone lexical` scores, `pairs.LexicalPair` is a line of it.
"""
