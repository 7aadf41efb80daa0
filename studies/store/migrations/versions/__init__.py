"""The revisions, `r0001`, `r0002`, ...; a released one is never edited."""
