"""What `doctor` looks at, one module a field. A check never raises, and changes nothing."""
