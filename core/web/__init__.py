"""The web process in front of Django: `core/asgi.py` puts these together.

front.py    where a request goes; its id; the log line; what happens when something breaks
bodies.py   a request's body, read whole on the event loop before a thread is spent on it
site.py     Django's WSGI handler in a bounded pool of threads
streams.py  the two event streams
problems.py problem+json for what never reaches Django
server.py   uvicorn, with limits on headers and slow connections
"""
