"""The site: the application with every page, and the listening studies as a part of it.

`application.create_app` builds it in one process; `app.server` spreads it over two.
"""
