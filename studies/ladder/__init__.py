"""The modality ladder judged: accuracies of rungs, statements M0 to M6 from the numbers, and a report.

`judgement.judge_ladder` reads what `undertone ladder` trained; `report.write_ladder_report` writes the page.
"""
