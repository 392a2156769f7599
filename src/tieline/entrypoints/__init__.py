"""The doors to the outside: the command line, the demonstration, measuring and breaking. Everything else is called from here."""
