"""Pages of imports: bring a file, see what it would change, confirm, undo, and the log of all. The rules: `workflow/imports/`."""
