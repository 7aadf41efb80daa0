"""The field's likelihood benchmarks in their public layouts: which of two recordings does a model find likelier?

`zerospeech` has sWUGGY and sBLIMP with gold.csv and submission files, `paired` has SALMon's and slamkit's folders, and
`miniatures` pairs of our own recordings that are measured offline.
"""
