"""The screen: a view of the ledger, and the keys. It knows no HTTP and writes only through the engine."""
