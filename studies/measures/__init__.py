"""Measures of sounds: recognition, speaker similarity, DNSMOS, distances, likelihoods, and their intervals.

Each measure takes waveforms or mels and knows nothing of bundles and corpora, save `heldout`, which lists the clips.
"""
