"""The letters that the system sends: `pages.py` shows each as its reader gets it and sends tests, `shown.py` is what the pages show,
`words.py` says when a letter goes out. The letters themselves: `workflow/letters/`.
"""
