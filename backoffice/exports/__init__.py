"""What staff filtered, as a file: `lists.py` (which lists, which columns; start here), `cells.py` (what a spreadsheet may be given),
`files.py` (CSV and XLSX, written while it is read) and `pages.py` (the button, the form, the answer, the log).

django-import-export is not used for this side: it holds the whole file in memory several times over.
"""
