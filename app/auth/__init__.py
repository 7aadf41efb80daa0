"""Who may see results: passphrases, sign-in pages, Hugging Face accounts, and tickets that stand for a sign-in.

`SignIn` guards the pages of a site; `add_admin` adds a person.
"""
