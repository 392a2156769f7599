"""The store: an embedded PostgreSQL or a server by URL, its schema, its roles and its pools.

cluster = launcher.start(home)                      # or launcher.external(url)
migrate.migrate(cluster.conninfo(roles.ADMIN))
pool = pools.pool(cluster.conninfo(roles.WORKER), "worker", 2, 8)
"""
