"""Dimensions: the criteria by which customers are segmented."""
