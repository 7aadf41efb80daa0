"""Phones of recordings in time: the dictionary, CTC alignment, its refinement by a hidden Markov model.

`lexicon.Lexicon` reads CMUdict, `ctc.CorpusAlignment` the alignment of a corpus.
"""
