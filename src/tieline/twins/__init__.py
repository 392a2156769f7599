"""Vendor look-alikes over real HTTP, for rehearsals and tests. They import nothing of ours but the kit.

Each twin is a package here with a module-level `TWIN` class; `python -m tieline.twins <name>` finds it by folder.
"""
