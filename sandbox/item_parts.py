"""What belongs to the guides of service items: materials, fees, questions and steps."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sandbox import items, names
from sandbox.items import Row

_MATERIALS = (
    "申请书",
    "身份证明",
    "营业执照副本",
    "场所使用证明",
    "平面布局图",
    "安全承诺书",
    "从业人员名册",
    "设备清单",
    "管理制度",
    "委托书",
)
_STEPS = (
    ("受理", "政务服务大厅综合窗口"),
    ("审查", "审批一科"),
    ("现场核查", "勘验科"),
    ("决定", "审批一科"),
    ("制证送达", "证照管理科"),
)
_STEPLESS = items.ITEMS - 20  # from this item on nobody has said by which steps it goes
_QUESTIONS = (
    ("材料可以容缺受理吗？", "次要材料可以容缺，作出书面承诺后五个工作日内补齐。"),
    ("可以委托他人代办吗？", "可以，代办人需携带委托书和双方身份证明到窗口办理。"),
    ("结果可以邮寄吗？", "可以，申请时选择快递送达即可，邮寄费用由窗口承担。"),
)


def materials(seed: int) -> Iterator[Row]:
    """Yield the materials of every guide, spare ones too: a guide without any is a bad one."""
    for number, ahead in items.versions():
        rng = Random(f"{seed}:materials:{number}:{ahead}")
        for place, name in enumerate(rng.sample(_MATERIALS, rng.randint(4, 8)), 1):
            yield _material(rng, number, place, name, ahead=ahead)


def spare_material(number: int, seed: int) -> Row:
    """Return a material of a guide that nobody has."""
    return _material(Random(f"{seed}:spare:{number}"), items.ITEMS + items.SPARES + number, 1, "申请书", ahead=False)


def fees(seed: int) -> Iterator[Row]:
    """Yield the fees of the items that have one."""
    for number, ahead in items.versions():
        if items.has_fee(number):
            rng = Random(f"{seed}:fees:{number}:{ahead}")
            yield from (_fee(rng, number, place, ahead=ahead) for place in range(1, 1 + rng.randint(1, 2)))


def spare_fee(number: int, seed: int) -> Row:
    """Return a fee of a guide that nobody has."""
    return _fee(Random(f"{seed}:spare:{number}"), items.ITEMS + items.SPARES + number, 1, ahead=False)


def faqs(seed: int) -> Iterator[Row]:
    """Yield the questions to licence items and to some others; spare guides have none."""
    for number, ahead in items.versions():
        if number < items.ITEMS and (items.named(number)[1] == "1" or number % 2):
            rng = Random(f"{seed}:faqs:{number}:{ahead}")
            yield from (_faq(rng, number, place, ahead=ahead) for place in range(1, 1 + rng.randint(1, 3)))


def spare_faq(number: int, seed: int) -> Row:
    """Return a question to a guide that nobody has."""
    return _faq(Random(f"{seed}:spare:{number}"), items.ITEMS + items.SPARES + number, 1, ahead=False)


def steps(seed: int) -> Iterator[Row]:
    """Yield the steps of the guides but the last ones and spare ones; their limits add up to no more than the promise."""
    for number, ahead in items.versions():
        if number < _STEPLESS:
            chosen = _STEPS if items.promise_days(number) else _STEPS[:1]
            yield from (step(number, place, seed, len(chosen), ahead=ahead) for place in range(1, len(chosen) + 1))


def spare_step(number: int, seed: int) -> Row:
    """Return the only step of one of the last guides."""
    return step(_STEPLESS + number, 1, seed, 1)


def step(number: int, place: int, seed: int, of: int = 5, *, ahead: bool = False) -> Row:
    """Return step `place` of `of` of an item."""
    rng = Random(f"{seed}:step:{number}:{place}:{ahead}")
    name, office = _STEPS[place - 1]
    tenths = items.promise_days(number) * 10 // of
    return {
        "task_code": items.task(number), "task_version": items.version(number) + ahead, "step_no": place, "step_name": name, "office": office,
        "handler": names.person(rng), "limit_days": f"{tenths // 10}.{tenths % 10}", "updated_at": items.stamp(rng)["cd_time"],
    }  # fmt: skip


def _material(rng: Random, number: int, place: int, name: str, *, ahead: bool) -> Row:
    return {
        "row_guid": items.guid("material", number, ahead, place), "task_guid": items.task_guid(number, ahead=ahead), "material_name": name,
        "material_type": rng.choice("123"), "material_format": rng.choice("123"), "source_type": rng.choice(("10", "20")),
        "accept_stand": "填写完整，签字或盖章" if rng.random() < 0.9 else None, "fill_explain": "使用黑色签字笔填写" if rng.random() < 0.8 else None,
        "form_guid": f"form/{number:06d}.doc" if place == 1 else None, "page_num": rng.choice((1, 1, 2)), "page_format": "A4",
        "is_need": rng.choice("1110"), "by_law": "按设定依据", "order_num": place, **items.stamp(rng),
    }  # fmt: skip


def _fee(rng: Random, number: int, place: int, *, ahead: bool) -> Row:
    reduced = rng.choice("01")
    return {
        "row_guid": items.guid("fee", number, ahead, place), "task_guid": items.task_guid(number, ahead=ahead), "fee_name": f"工本费{place}",
        "fee_stand": f"每证{rng.choice((5, 10, 20))}元", "by_law": "冀价行费〔2017〕3号", "is_desc": reduced,
        "desc_explain": "低保对象免收" if reduced == "1" else None, "order_num": place, **items.stamp(rng),
    }  # fmt: skip


def _faq(rng: Random, number: int, place: int, *, ahead: bool) -> Row:
    question, answer = _QUESTIONS[(place - 1) % len(_QUESTIONS)]
    return {
        "row_guid": items.guid("faq", number, ahead, place), "task_guid": items.task_guid(number, ahead=ahead), "question": question, "answer": answer,
        "order_num": place, "remark": None, **items.stamp(rng),
    }  # fmt: skip
