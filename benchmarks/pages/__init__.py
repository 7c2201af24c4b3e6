"""The page of a bench, a section or kind of chart a file."""
