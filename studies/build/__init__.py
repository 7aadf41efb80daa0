"""A listening study built: its sounds made or read, levelled and trimmed alike, stored with the study, and its status.

`pipeline.build_study` builds, `takes.study_from_takes` makes a draft of takes, `lifecycle` opens and closes studies.
"""
