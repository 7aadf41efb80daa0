"""Measures of sounds: recognition, speaker similarity, DNSMOS, distances, likelihoods, and their intervals.

Each module measures waveforms or mels by itself; only `heldout`, which chooses the clips, knows of corpora. Results are
`intervals.ShareEstimate`s of clips, which `intervals.estimate` pools.
"""
