"""The demo: everything on one machine, watched from outside, checked at the end."""
