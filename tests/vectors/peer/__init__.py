"""A peer of the built program, made from SPEC.md alone: what the scripts in the folder above put at the other end."""
