"""The boards, one module each: a function `board()` that is the table of contents, and one function a panel."""
