"""One frame of a continuation as one machine-code function: its kernels, and the step that calls them.

`CompiledStep` is public. The modules of the network stay the definition; this is the same mathematics.
"""
