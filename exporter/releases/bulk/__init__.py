"""A whole input at the speed of arrays: text to fields to a table to blocks of bins."""
