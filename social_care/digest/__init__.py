"""The daily digest: figures first, renderers after."""
