"""Files: written whole or not at all, and checked when they are read.

`atomic_files` writes; `yaml_text`, `validation` and `checkpoints` read YAML, settings and tensors that others wrote.
"""
