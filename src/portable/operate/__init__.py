"""Operating it: see the split, move the weights, know what it costs."""
