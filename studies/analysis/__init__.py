"""From ratings to results: intervals over raters and prompts, comparisons, reliability, planning, report and export.

Import the module that is needed: pandas and scipy take a second to load, so nothing is imported here.
"""
