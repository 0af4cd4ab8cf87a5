"""Doctor: what is wrong with this installation and this workspace, and how to mend it."""

from peak_console.operations.doctor.examining import examine
from peak_console.operations.doctor.shapes import Diagnosis, Examined, Health

__all__ = ["Diagnosis", "Examined", "Health", "examine"]
