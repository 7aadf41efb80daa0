"""Text as training data: recordings aligned with their words, and prose rendered by unit selection.

`align_corpus.align_and_refine` aligns a corpus, `prose.read_prose` reads books as phones; `stage.TextStage` and
`phone_pretraining.PhoneStage` train on them.
"""
