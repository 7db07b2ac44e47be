"""tools/torture: random traffic, random faults, and a verdict. See tests/README.md."""
