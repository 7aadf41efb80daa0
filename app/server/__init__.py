"""The processes of `undertone serve`.

The front process owns the port: it serves raters, sign-in and results, and passes everything else on to the playground,
a second process with the model that can open neither the studies nor their secrets. Nothing here is a page.
"""
