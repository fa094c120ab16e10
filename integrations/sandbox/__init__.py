"""The stand-ins of every outside service: one process, real HTTP on 127.0.0.1, its own books, no real money.

It shares no code with the clients beside it (`integrations/*.py`) and knows no Django model: both sides are written from the providers'
documents, so that a mistake in one of them shows. Never started in production.

Where to look:
    server.py       starts it: sockets, signals, the background loops           (`python manage.py sandbox`)
    app.py          the table of addresses: which service lives under which prefix. A new service is mounted here
    options.py      ports, credentials, the webhook's address
    books.py        everything it remembers: JSON documents in one SQLite file
    faults.py       failures on order (POST /_control/faults) and the record of requests
    control.py      the tests' door, /_control
    stripe/         Checkout Sessions, payments, refunds, disputes, events, signed webhooks
    parcels.py      one parcel's way, told by fedex.py and ems.py in their own words
    sens.py twilio.py mailport.py inbox.py      SMS and e-mail; everything lands in the inbox
    fx.py           three sources of the exchange rate
    pages.py        pages for people: index, pay page, inbox, parcels
    testing.py      `running_sandbox()` for tests
    specs/          the providers' own parameter lists we validate against
Later issues bring ups.py, openai.py and address.py: a module each and one line in app.py.
"""
