"""Sound files and samples: reading what a person has, repairs, loudness, voice activity, and the wav files written.

`reading.read_audio` reads a file, `reading.check_prompt` checks and resamples what becomes a prompt.
"""
