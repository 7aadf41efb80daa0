"""The command line: `main` has every verb, and each verb imports only what it needs."""
