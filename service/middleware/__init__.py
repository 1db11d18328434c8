"""ASGI middleware, pure ASGI only: `BaseHTTPMiddleware` hides disconnects from everything inside it.

From the outside in; each layer sees less of the outside world than the one before:

    RequestId            an id and a time for every answer, refusals too
    AccessKeys           401 and 403 from the headers alone, before a place is taken
    Admission            503 before the body is read
    Deadline             504; puts the deadline in the scope
    BodyLimit            413, 408, and 503 where bodies would fill the memory
    CancelOnDisconnect   stops the work of clients that left
"""

from service.middleware.access import AccessKeys
from service.middleware.admission import Admission
from service.middleware.body import BodyLimit
from service.middleware.deadline import Deadline
from service.middleware.disconnect import CancelOnDisconnect
from service.middleware.gates import Gates
from service.middleware.identity import RequestId
from service.middleware.refusal import refuse

__all__ = [
    "AccessKeys",
    "Admission",
    "BodyLimit",
    "CancelOnDisconnect",
    "Deadline",
    "Gates",
    "RequestId",
    "refuse",
]
