"""Citizens' messages and the answers to them: good ones in numbers, and one that is bad for every reason there is.

A record is as the official site holds it: JSON values, moments as text with their offset. The working days come from
the published arrangements, apart from the gateway's own calendar on purpose.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from gateway.sla.calendar import Calendar
from sandbox import names, orgs, places
from sandbox.places import County

Row = dict[str, Any]
POST, REPLY = "message.post", "message.reply"
KEYS: Mapping[str, tuple[str, ...]] = {POST: ("message_id",), REPLY: ("message_id", "reply_no")}
POSTS, REPLIES = 1_500, 900
CHINA = ZoneInfo("Asia/Shanghai")
DAYS = 40  # the oldest message is that old
DOUBLED = "json.duplicate_key"
_LIMIT = 5
_SPACE = uuid.UUID("0b9c3c1e-4f4e-5c52-9a59-8d2c6a7b1e10")
_CITY = "130800000000"
_TOPICS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "1": (
        ("新生儿落户需要哪些材料", "孩子上个月出生，户口想落在{county}，请问需要准备哪些材料？可以在网上预约吗？"),
        ("个体工商户营业执照如何变更经营范围", "我在{road}开了一家小店，想增加“食品销售”一项，是到政务大厅办还是在网上办？要几个工作日？"),
        ("异地就医备案后多久生效", "父亲在{county}参保，下周去北京住院，备案后是当天生效还是次日生效？"),
        ("公积金提取问题", "租房提取公积金每年可以提几次，{county}的合同需要备案吗？"),
        ("灵活就业人员养老保险缴费档次", "今年的缴费档次公布了吗？已经按60%缴了，能改成100%吗？"),
        ("老旧小区加装电梯政策", "{road}某小区六层住宅想加装电梯，需要多少户同意，补贴标准是多少？"),
    ),
    "2": (
        ("建议在{road}增设公交站", "{county}{road}一带新入住居民较多，最近的公交站要走二十分钟，建议增设一站。"),
        ("关于延长政务大厅服务时间的建议", "上班族只有周末有空，建议{county}政务大厅周六上午开放，或者增加自助终端。"),
        ("建议增加电动自行车充电桩", "{road}几个小区都有飞线充电的情况，建议统一规划充电桩。\n一是位置；二是价格；三是消防。"),
        ("关于避暑山庄周边停车的建议", "旅游旺季{road}停车困难，建议开放机关单位的停车场。"),
        ("建议完善无障碍设施", "{county}多处盲道被占，路口坡道过陡，建议排查整改。"),
    ),
    "3": (
        ("{road}夜间施工噪音扰民", "{county}{road}一处工地连续三天夜里十一点以后仍在施工，孩子第二天要上学，请尽快处理。"),
        ("供暖温度不达标", "{county}某小区室温只有15度，多次联系热力公司没有结果。"),
        ("物业乱收费", "物业公司要求一次交清两年物业费才给门禁卡，请主管部门调查。"),
        ("预付卡无法退费", "{road}一家健身房关门，卡里还有1280元，联系不上老板。"),
        ("{county}某路段积水严重", "一下雨{road}就积水，已经反映过两次。\t附近商户都可以作证。"),
        ("拖欠农民工工资", "在{county}一处工地干了四个月，工程款一直没结，工友一共11人，请帮助协调。"),
    ),
    "4": (
        ("办事指南链接打不开", "“{county}→教育→入学”栏目的下载链接提示404，附件路径为 C:\\指南\\2026.doc。"),
        ("电话号码有误", "网站公布的{county}不动产登记中心电话是空号，请更正。"),
        ("错别字", "首页新闻第二段“做为”应为“作为”，“{road}”写成了“{road}路”。"),
        ("日期显示错误", "公告发布日期显示为1970年1月1日。"),
    ),
}  # fmt: skip
_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "1": (
        "您好！您咨询的问题答复如下：可在河北政务服务网提交申请，材料齐全的当日受理。感谢您的关注。",
        "您好，经核实，该事项已实现全程网办，无需到窗口；如有疑问请拨打0314-12345。",
    ),
    "2": (
        "您好！您的建议已收悉，我单位将结合实际研究采纳。感谢您对承德发展的关心。",
        "您好，经与有关部门会商，已列入明年计划，实施前将公示征求意见。",
    ),
    "3": (
        "您好！接到您的投诉后，执法人员到现场核查，已责令整改，并将加强巡查。",
        "您好，经调查，您反映的情况属实，现已协调解决，承办人已与您电话沟通。\n感谢监督。",
    ),
    "4": ("您好，您指出的问题已更正，感谢您对网站工作的支持！", "您好，链接已修复，由此给您带来的不便敬请谅解。"),
}  # fmt: skip
_MARKED = "您好，所询事项见附件。\n【秘密】附件：专项工作方案"
_MARKED_NO = 7  # the answer that bears a secrecy mark: it is kept, and goes nowhere
_NOTES = ("涉及他人隐私，不宜公开", "内容与其他留言重复，合并答复", "含有未经核实的指名投诉")


@cache
def is_workday(day: date) -> bool:
    """Tell whether a day is worked, as the gateway's calendar has it."""
    return Calendar().is_work(day)


def due_at(submitted: datetime, days: int = _LIMIT) -> datetime:
    """Return the end of the fifth working day after the day of submission: 2026-09-29 → 2026-10-12."""
    day = submitted.astimezone(CHINA).date()
    while days:
        day += timedelta(days=1)
        days -= is_workday(day)
    return datetime.combine(day, time(23, 59, 59), CHINA)


def posts(now: datetime, seed: int, count: int = POSTS, at: County | None = None) -> Iterator[Row]:
    """Yield good messages (`at` one county's site) from the oldest to the newest; the first `REPLIES` or so are answered."""
    rng = Random(f"{seed}:messages")
    span = DAYS * 24 * 3600
    for number, second in enumerate(sorted(rng.randrange(600, span) for _ in range(count))):
        submitted = now - timedelta(seconds=span + 600 - second)
        yield post(number, submitted, now, seed, at=at, answered=number < count * 7 // 12)


def post(
    number: int, submitted: datetime, now: datetime, seed: int, *, at: County | None = None, answered: bool = False
) -> Row:
    """Return message `number`; what became of it until `now` depends on its age and on whether it is answered.

    What is written `at` a county's site is about that county and is handled there.
    """
    rng = Random(f"{seed}:message:{number}")
    board, county, road = (
        rng.choice("111223334"),
        at or rng.choice(places.counties()),
        rng.choice(("新华路", "迎宾路", "翠桥路", "府前路")),
    )
    title, content = (words.format(county=county.name, road=road) for words in rng.choice(_TOPICS[board]))
    whole_city = at is None and rng.random() < 0.3
    assigned = submitted + timedelta(minutes=rng.randint(5, 300)) if number % 60 else None
    if assigned is not None and assigned > now:
        assigned = None
    state = rng.choice("334") if answered else "1" if assigned is None else "5" if number % 40 == 7 else "2"
    author_public, reason = ("0", "1") if rng.random() < 0.2 else ("1", None)
    if rng.random() < 0.08:
        reason = rng.choice("23")
    return {
        "message_id": message_id(number, seed), "board": board, "title": title + ("　" if number % 211 == 0 else ""),
        "content": content + ("谢谢🙏" if number % 17 == 0 else ""), "submitted_at": moment(submitted),
        "author_key": rng.randbytes(32).hex() if rng.random() < 0.7 else None, "contact": _contact(rng),
        "division": _CITY if whole_city else county.code + "000000", "item_code": None,
        "handling_unit": _unit(rng, "130800" if whole_city or number % 400 == 150 else county.code), "assigned_at": moment(assigned),
        "transfers": rng.choice((0, 0, 0, 1, 2)) if assigned else 0, "author_public": author_public,
        "publish": "0" if reason else "1", "no_publish_reason": reason,
        "no_publish_note": rng.choice(_NOTES) if reason == "3" else None, "due_at": moment(due_at(submitted)),
        "state": state, "updated_at": moment(assigned or submitted),
    }  # fmt: skip


def replies(now: datetime, seed: int, answered: list[Row], count: int = REPLIES) -> Iterator[Row]:
    """Yield good answers: one to each of these messages, two to some, until there are enough."""
    made = 0
    for number, row in enumerate(answered):
        for reply_no in range(1, 3 if number % 20 == 3 else 2):
            if made < count:
                answer = reply(row, reply_no, now, seed)
                yield answer | {"reply": _MARKED} if made == _MARKED_NO else answer
            made += 1
    for number in range(count - made):
        yield reply(answered[number], 3, now, seed)


def reply(row: Row, reply_no: int, now: datetime, seed: int) -> Row:
    """Return answer `reply_no` to a message, some days after it, never later than `now`."""
    rng = Random(f"{seed}:reply:{row['message_id']}:{reply_no}")
    submitted = datetime.fromisoformat(row["submitted_at"])
    replied = min(submitted + timedelta(hours=rng.randint(4, 90) + 48 * (reply_no - 1)), now)
    replier, reviewer = names.person(rng), names.person(rng)
    while reviewer == replier:
        reviewer = names.person(rng)
    return {
        "message_id": row["message_id"], "reply_no": reply_no, "reply": rng.choice(_ANSWERS[row["board"]]),
        "replier": replier, "reviewer": reviewer, "replied_at": moment(replied),
        "satisfaction": rng.choice((None, "4", "5", "5", "3")), "updated_at": moment(replied),
    }  # fmt: skip


def message_id(number: int, seed: int) -> str:
    """Return the number of a message as the site writes it."""
    return str(uuid.uuid5(_SPACE, f"{seed}:{number}"))


def moment(when: datetime | None) -> str | None:
    """Return a moment as the site writes it: whole seconds with China's offset."""
    return None if when is None else when.astimezone(CHINA).replace(microsecond=0).isoformat()


def _contact(rng: Random) -> str | None:
    return rng.choice((f"138{rng.randrange(10**8):08d}", f"cd{rng.randrange(10**6)}@example.invalid", "", None))


def _unit(rng: Random, region: str) -> str:
    return str(rng.choice(_units(region)))


@cache
def _units(region: str) -> tuple[str, ...]:
    """Return the codes of the units of the city or of a county."""
    return tuple(unit["org_cc_code"] for unit in orgs.live_units() if unit["region_code"] == f"{region}000000")


def _ago(row: Row, field: str, days: float) -> str:
    return str(moment(datetime.fromisoformat(row[field]) - timedelta(days=days)))


# What makes a good record bad, by the data set and the rule that is to find it. The last ones are no matter of rules:
# a value of another type, a text that no database holds, a record that is no strict JSON.
_BREAKERS: Mapping[str, Mapping[str, Callable[[Row], Row]]] = {
    POST: {
        "board-code": lambda _: {"board": "7"},
        "division-format": lambda _: {"division": "13080X000000"},
        "author_public-code": lambda _: {"author_public": "2"},
        "publish-code": lambda _: {"publish": "是"},
        "no_publish_reason-code": lambda _: {"publish": "0", "no_publish_reason": "9"},
        "state-code": lambda _: {"state": "6"},
        "submitted_at-future": lambda row: {"submitted_at": _ago(row, "submitted_at", -700), "assigned_at": None},
        "assigned_at-order": lambda row: {"assigned_at": _ago(row, "submitted_at", 1)},
        "due_at-order": lambda row: {"due_at": _ago(row, "submitted_at", 3)},
        "MS-05": lambda _: {"author_public": "1", "publish": "0", "no_publish_reason": None},
        "MS-05b": lambda _: {"author_public": "0", "publish": "1", "no_publish_reason": None},
        "MS-05c": lambda _: {"author_public": "1", "publish": "0", "no_publish_reason": "1"},
        "MS-06": lambda _: {"publish": "0", "no_publish_reason": "3", "no_publish_note": None},
        "MS-01": lambda row: {"due_at": moment(due_at(datetime.fromisoformat(row["submitted_at"]), _LIMIT + 1))},
        "division-valid": lambda _: {"division": "990000000000"},
        "TX-01": lambda _: {"content": "留言\x02内容"},
        "title.required": lambda _: {"title": None},
        "content.length": lambda _: {"content": "长" * 4_001},
        "transfers.range": lambda _: {"transfers": -1},
        "title.type": lambda _: {"title": ["咨询", "求助"]},
        "transfers.type": lambda _: {"transfers": "两次"},
        "assigned_at.type": lambda _: {"assigned_at": "2026-02-30T09:00:00+08:00"},
        "text.encoding": lambda _: {"content": "留言\0内容"},
        "json.number": lambda _: {"transfers": float("nan")},
        DOUBLED: lambda _: {},
    },
    REPLY: {
        "replied_at-future": lambda row: {"replied_at": _ago(row, "replied_at", -700)},
        "MS-08": lambda row: {"reviewer": row["replier"]},
        "message_id-exists": lambda _: {"message_id": str(uuid.uuid5(_SPACE, "nobody"))},
        "replied_at-order": lambda row: {"replied_at": _ago(row, "replied_at", DAYS + 10)},
        "TX-01": lambda _: {"reply": "答复\x02内容"},
        "reply.required": lambda _: {"reply": None},
        "reply_no.range": lambda _: {"reply_no": 0},
        "replied_at.type": lambda _: {"replied_at": "2026-13-01T09:00:00+08:00"},
        "text.encoding": lambda _: {"reply": "答复\ud83d内容"},
    },
}


def broken(dataset: str, rule: str, row: Row) -> Row:
    """Return a good record with one rule broken; KeyError for a rule that nobody knows how to break."""
    return row | _BREAKERS[dataset][rule](row)


def breakable(dataset: str) -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS[dataset])
