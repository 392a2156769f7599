"""The feed: positions given behind the writers, the hash chain over them, roots signed outside, and who checks all that."""
