"""Frugal painting: what stands on the terminal already is not sent again.

`encode` is pure: rows of cells in, the cheapest bytes out. `painting` hangs it between Textual and the driver.
"""
