"""`undertone batch`: takes of many prompts, made once each, with a line of results for every take.

`prompts` lists what is asked for, `plan` finds the names and what is made already, `work` makes takes, `suspicions`
looks at them, `results` keeps results.jsonl, and `run` joins them.
"""
