"""The rules of contract to cash, pure. Imports only the kit; no clock, network, logging or randomness."""
