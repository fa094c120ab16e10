"""`python -m integrations.sandbox`: the same as `python manage.py sandbox`, without Django. Tests start it this way, it is quicker."""

import sys
from argparse import ArgumentParser
from dataclasses import replace

from integrations.sandbox.server import PortIsBusy, add_arguments, options_from, run

if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m integrations.sandbox")
    add_arguments(parser)
    parser.add_argument("--end-with-parent", action="store_true", help="stop by itself when the starting process is gone")
    arguments = parser.parse_args()
    try:
        run(replace(options_from(arguments), end_with_parent=arguments.end_with_parent))
    except PortIsBusy as error:
        sys.exit(str(error))
