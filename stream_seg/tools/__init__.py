"""Tools for operators that need no worker: create and check topics, replay, fold and redrive records."""
