"""Read models: one file per question, one statement per answer. They know nothing but what is stored.

Each takes a cursor inside a tenant's transaction (`engine.rows.tenant_transaction`) and answers plain rows.
"""
