"""The board: what the table shows, as pure functions and records. Nothing here draws, asks or waits."""
