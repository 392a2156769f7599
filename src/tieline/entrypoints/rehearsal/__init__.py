"""Real systems, prepared once and started as fresh copies: for the demo and for tests that need no mock.

python -m tieline.entrypoints.rehearsal tryton
"""
