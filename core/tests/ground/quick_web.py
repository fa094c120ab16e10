"""`manage.py web` with faster clocks: CLOCKS={"streams__RECHECK_S": 0.5} sets that constant of core.web.streams."""

import json
import os
from importlib import import_module

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    for name, value in json.loads(os.environ["CLOCKS"]).items():
        module, _, constant = name.partition("__")
        module = import_module(f"core.web.{module}")
        assert hasattr(module, constant), name
        setattr(module, constant, value)
    call_command("web", port=int(os.environ["PORT"]))
