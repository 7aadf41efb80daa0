"""Tokenizers in training: CTC on phones (own encoder or Whisper's), HuBERT's units, and tokens of a corpus.

`stage.TokenizerStage` and `whisper_stage.WhisperStage` are the stages, `load.load_tokenizer` opens what they exported,
`assign_tokens.assign_tokens` writes the tokens.
"""
