"""An issue of the circular (通报) about the half month before the gateway's first day, so that results have something to say.

Three agreements were in force then and nobody looked: everything is unmeasured, which the figures say in so many words.
"""

from __future__ import annotations

from contextlib import closing

from gateway import settings
from gateway.deployment import Deployment
from gateway.sla import issues
from gateway.sla.periods import Period

PROMISED = ("pop_person_in", "legal_market_entity_in", "item_guide_web")
_PROMISE = (
    "insert into gateway.agreement (route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp, "
    "valid_from, valid_to) values (%s, %s, %s, %s, 'scheduled', '0 2 * * *', 'all', 3600, 3600, 0, 9900, %s, %s)"
)


def freeze(deployment: Deployment) -> Period:
    """Freeze the issue of the half month before this one, unless it was, and return its period."""
    period = Period.around(settings.now().astimezone(settings.CHINA).date()).before
    with closing(deployment.hub(name="sandbox")) as hub, hub, hub.cursor() as cursor:
        cursor.execute("select from gateway.issue where period = %s", (period.name,))
        if cursor.fetchone() is not None:
            return period
        for route in map(deployment.route, PROMISED):
            who = (route.route, route.dataset.name, route.peer.unit, route.outbound)
            cursor.execute(_PROMISE, (*who, period.begins, period.ends))
    issues.draft(deployment, period)
    issues.freeze(deployment, period)
    return period
