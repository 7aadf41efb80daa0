"""The site: pages, servers and the command line. What a page shows is computed in engine or studies."""
