"""The order in which an empty hub is filled: nothing comes before what its rules look into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway import catalog
from gateway.model import Catalog
from sandbox import order

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def city() -> Catalog:
    """Return the city's catalog."""
    return catalog.load(ROOT / "catalog")


@pytest.mark.parametrize(
    ("route", "needs"),
    [
        ("pop_person_in", set()),  # codes come from files
        (
            "item_guide_in",
            {f"item_{name}{way}" for name in ("directory", "material", "fee") for way in ("_in", "_prov_in")}
            | {"item_faq_in"},
        ),  # two platforms bring most of it
        ("case_accept_in", {"item_guide_in", "item_guide_prov_in", "org_org_in"}),
        (
            "case_result_in",
            {
                "case_accept_in",
                "case_accept_zjj_in",
                "case_special_in",
                "item_guide_in",
                "item_guide_prov_in",
                "licence_data_in",
            },
        ),  # inside an argument too
        ("case_event_in", {"case_accept_in", "case_accept_zjj_in"}),  # whoever accepts cases
        ("org_org_in", {"org_region_in"}),  # its own data set is not waited for
        ("push_receipt_in", {"push_message_in"}),
        ("superv_feedback_in", {"superv_task_in"}),  # of another platform
    ],
)
def test_what_a_route_looks_into_comes_before_it(city: Catalog, route: str, needs: set[str]) -> None:
    """By the rules of its contract, and by the data set it follows."""
    assert order.before(city, city.routes[route]) == needs


def test_every_inbound_route_has_its_place(city: Catalog) -> None:
    """Once, after all it needs; what is not brought by anybody is not waited for."""
    placed = order.in_order(city)
    assert sorted(placed) == sorted(name for name, route in city.routes.items() if not route.outbound)
    for place, name in enumerate(placed):
        assert order.before(city, city.routes[name]) <= set(placed[:place])
    alone = replace(city, routes={"case_accept_in": city.routes["case_accept_in"]})
    assert list(order.stages(alone)) == [("case_accept_in",)]
