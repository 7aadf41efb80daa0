"""A continuation from its settings to its sound: sampling, drawing of frames, decoding, streaming, saved takes.

`speech.Speech` is what goes in, `take.Take` what comes out, and `stream.stream_takes` makes the one of the other.
`sampling` and `take_settings` need no torch.
"""
