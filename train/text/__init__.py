"""Text as training data: recordings aligned with their words, and prose spoken as runs of recorded frames."""
