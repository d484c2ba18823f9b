"""How much js_host prints about itself: the values of the setting `VERBOSITY`.

Each level prints what the lower ones do, and more.
"""

#: Nothing at all.
SILENT = 0
#: Connections that are opened.
CONNECT = 100
#: Hosts and managers that are started.
PROCESS_START = 200
#: Connections that are closed.
DISCONNECT = 300
#: Hosts and managers that are told to stop.
PROCESS_STOP = 400
#: Every call of a function.
FUNCTION_CALL = 500
#: Everything.
VERBOSE = 600
