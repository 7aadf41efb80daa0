"""Lexical accuracy: how often a model finds a word likelier than a nonword of the same phones.

`scoring.lexical_accuracy` scores the pairs of `scoring.read_pairs`.
"""
