"""ASGI parts that every server of the site uses: the client's address, threads of routes, and error pages.

Nothing here knows a model, a study or Gradio. `TrustedProxies` names the proxies whose forwarding headers are read.
"""
