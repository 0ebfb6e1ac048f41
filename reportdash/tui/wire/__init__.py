"""Frugal painting: what stands on the terminal already is not sent again.

`encode` is pure: lines of cells in, few bytes out. `painting` stands between Textual and the driver.
"""
