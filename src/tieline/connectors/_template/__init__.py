"""A connector to copy: one document, one vendor, all the parts. Works as it stands against the twin `kv`."""
