"""Article 10 asks for 40 elements of a service guide: each has a field in a contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import contracts

CONTRACTS = Path(__file__).parents[2] / "schemas" / "contracts"
ELEMENTS = [
    # what the item is
    (1, "主项名称", "item.directory", "task_name"), (2, "子项名称", "item.guide", "task_name"), (3, "事项类型", "item.guide", "task_type"),
    (4, "办件类型", "item.guide", "project_type"), (5, "实施单位", "item.guide", "dept_name"), (6, "权力来源", "item.guide", "power_source"),
    (7, "行使层级", "item.guide", "use_level"), (8, "许可数量", "item.guide", "limit_explain"),
    # how long, how much, what comes out
    (9, "法定办结时限", "item.guide", "anticipate_day"), (10, "承诺办结时限", "item.guide", "promise_day"), (11, "是否收费", "item.guide", "is_fee"),
    (12, "收费方式", "item.guide", "pay_modes"), (13, "办理结果类型", "item.guide", "result_type"), (14, "结果领取方式", "item.guide", "take_modes"),
    # where, when, whom to ask
    (15, "到现场次数", "item.guide", "limit_scene_num"), (16, "通办范围", "item.guide", "handle_area"), (17, "监督投诉电话", "item.guide", "supervise_way"),
    (18, "咨询电话", "item.guide", "link_way"), (19, "办公时间", "item.guide", "transact_time"), (20, "办理地点", "item.guide", "transact_addr"),
    (21, "交通指引", "item.guide", "traffic"),
    # by which standard and which law
    (22, "涉及的中介服务", "item.guide", "service_type"), (23, "受理标准", "item.guide", "accept_condition"), (24, "设定依据", "item.guide", "by_law"),
    (25, "收费标准", "item.fee", "fee_stand"), (26, "收费依据", "item.fee", "by_law"),
    # the process
    (27, "环节名称", "item.step", "step_name"), (28, "办理处室", "item.step", "office"), (29, "办理人", "item.step", "handler"),
    (30, "办理时限", "item.step", "limit_days"), (31, "特殊环节", "item.guide", "special_procedure"), (32, "办理流程图", "item.guide", "flow_file"),
    (33, "办理结果样本", "item.guide", "result_guid"),
    # the materials
    (34, "材料名称", "item.material", "material_name"), (35, "材料类型", "item.material", "material_type"), (36, "来源渠道", "item.material", "source_type"),
    (37, "受理标准", "item.material", "accept_stand"), (38, "材料要求", "item.material", "fill_explain"), (39, "需提交材料份数", "item.material", "page_num"),
    (40, "是否必须", "item.material", "is_need"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "element", "dataset", "field"), ELEMENTS, ids=lambda x: x if isinstance(x, str) else None
)
def test_an_element_has_its_field(number: int, element: str, dataset: str, field: str) -> None:
    """Under the name that the regulation gives it; one that may be empty is missed by a warning."""
    contract = contracts.load(CONTRACTS / f"{dataset}.odcs.yaml")
    found = contract.field(field)
    assert found.chinese == element
    missed = {r.args["field"] for r in contract.rules if r.check == "required" and r.id.startswith("IT-16")}
    conditional = {"pay_modes", "result_guid"}  # of items that cost something, that give something
    assert found.required or field in missed | conditional, number


def test_all_forty_are_there() -> None:
    """Numbered as the regulation numbers them."""
    assert [number for number, *_ in ELEMENTS] == list(range(1, 41))
