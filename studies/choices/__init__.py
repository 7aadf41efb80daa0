"""Choices among a few clips: their likelihood (Bradley-Terry, Plackett-Luce, best-worst) and which to ask for next."""
