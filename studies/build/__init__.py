"""Building of a listening study: its sounds rendered or read, levelled, trimmed to one length, and stored.

`lifecycle` makes, opens, pauses and closes studies, `pipeline.build_study` builds their sounds, and
`takes.study_from_takes` makes a draft of takes.
"""
