"""What is shown: CSV tables, Markdown pages and plots, each carrying the commit and machine that made it."""
