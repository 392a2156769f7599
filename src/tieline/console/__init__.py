"""The web pages: a contract list and one page per contract, rendered on the server, whole without JavaScript.

The console owns no knowledge: it asks the API inside the same process, with the key of the person who looks. Give
`create_console` the API application and mount the result at `/console`.
"""

from tieline.console.pages import create_console
from tieline.console.sessions import Doors

__all__ = ["Doors", "create_console"]
