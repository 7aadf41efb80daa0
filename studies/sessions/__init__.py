"""A rater's session on the server: what they hear, the order of its sections, proof of listening, and its end."""
