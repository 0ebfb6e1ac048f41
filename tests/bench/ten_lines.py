"""What `jobs --json` is held against: settings by pydantic, and the same rows dumped."""

import json
import sqlite3
import sys

import pydantic_settings

assert pydantic_settings
columns = sys.argv[2].split(",")
query = f"SELECT {sys.argv[2]} FROM jobs WHERE forgotten_at IS NULL ORDER BY submitted_at DESC"
for row in sqlite3.connect(sys.argv[1]).execute(query):
    print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False))
