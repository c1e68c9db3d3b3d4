"""How segments are learned: the only room that knows River."""
