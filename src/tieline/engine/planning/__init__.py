"""Planning: run the flows of the lanes that changed, compare with what is planned, store the difference."""
