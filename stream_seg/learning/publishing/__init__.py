"""From learned clusters to published models."""
