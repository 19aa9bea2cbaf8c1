"""From events to facts: late, early and repeated events give the same ones.

Every projection only learns columns; what hangs on several aggregates is made again after each batch.
"""

from services.reporting.projections import community, contacts, pathways, people, scores, sites
from services.reporting.projections.listening import subscriber

__all__ = ["community", "contacts", "pathways", "people", "scores", "sites", "subscriber"]
