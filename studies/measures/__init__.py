"""Measures of sounds and transcripts: recognition, voices, quality, distances, likelihoods, perplexity, repetition.

Each module measures waveforms, mels or texts by itself; only `heldout`, which chooses the clips, knows of corpora.
Results are `intervals.ShareEstimate`s of clips, which `intervals.estimate` pools.
"""
