"""Says in sentences what is wrong with an installation, and changes nothing."""

from service.doctor.examination import examine
from service.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
