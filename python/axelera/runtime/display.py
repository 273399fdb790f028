"""Not here: importing it says so."""

from ._not_here import refuse_import

refuse_import(__name__)
