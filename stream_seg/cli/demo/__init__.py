"""The demo: a whole deployment on one machine, observed from outside and checked at the end."""
