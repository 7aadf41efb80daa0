"""What every server of the site is built from: the client's address, threads of routes, and plain pages for errors.

Nothing here knows a model, a study or Gradio. `TrustedProxies` says whose word about a client is believed.
"""
