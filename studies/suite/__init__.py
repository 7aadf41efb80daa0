"""The paper's comparison, whole: several systems measured on the same clips, prompts and pairs, beside what it says.

`run.run_suite` measures and goes on where it was interrupted, `tables.suite_tables` formats, `paper` has what the paper
says.
"""
