"""`python -m tieline.entrypoints.cli`: the same as `tieline`, for children that must run under this interpreter."""

from tieline.entrypoints.cli.app import main

main()
