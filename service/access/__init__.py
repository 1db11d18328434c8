"""Access keys: who may ask for what, checked from a request's headers alone."""

from service.access.access import Access
from service.access.key import SCOPES, AccessKey, Scope
from service.access.keyring import Keyring

__all__ = ["SCOPES", "Access", "AccessKey", "Keyring", "Scope"]
