"""Lexical accuracy: how often a model finds a word likelier than a nonword of the same phones (spot-the-word).

`scoring.lexical_accuracy` scores the pairs of `scoring.read_pairs`; `frames` has the recordings that they lie in.
A pair is an `undertone.engine.lexical_pair.LexicalPair`.
"""
