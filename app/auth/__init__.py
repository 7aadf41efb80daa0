"""Sign-in to the results: passphrases, sign-in pages, Hugging Face accounts, and tickets in place of the cookie.

`SignIn` guards the pages of a site; `add_admin` adds a person.
"""
