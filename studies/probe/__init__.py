"""The probe: what each latent dimension does to pitch, energy, duration and timbre, measured on held-out speech.

`run.probe_bundle` measures and stores `probe.json` beside the bundle.
"""
