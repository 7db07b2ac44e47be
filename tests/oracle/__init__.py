"""The rules of the catalogue a second time: see README.md."""
