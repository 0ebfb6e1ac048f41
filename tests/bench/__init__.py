"""Figures of speed and cost, each against a baseline of the same run; `python -m tests.bench` prints them."""
