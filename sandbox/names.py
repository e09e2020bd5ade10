"""Chinese names that look real and belong to nobody."""

from __future__ import annotations

from itertools import accumulate
from random import Random

# Share of the population in tenths of a percent, the commonest surnames first; the rest share the tail.
_SURNAMES = (
    "王71 李70 张67 刘53 陈45 杨31 赵20 黄22 周20 吴20 徐17 孙16 胡15 朱15 高14 林14 何13 郭13 马13 罗12 梁11 宋11 郑11 "
    "谢11 韩10 唐10 冯10 于10 董9 萧8 程8 曹8 袁8 邓8 许8 傅7 沈7 曾7 彭7 吕7 苏6 卢6 蒋6 蔡6 贾6 丁6 魏6 薛5 叶5 阎5 "
    "余5 潘5 杜5 戴5 夏5 钟5 汪5 田5 任5 姜4 范4 方4 石4 姚4 谭4 廖4 邹4 熊4 金4 陆4 郝4 孔4 白4 崔4 康4 毛4 邱4 秦4 "
    "江4 史4 顾4 侯4 邵4 孟4 龙3 万3 段3 雷3 钱3 汤3 尹3 黎3 易3 常3 武3 乔3 贺3 赖3 龚3 文3 佟2 关2 那1 富1 鄂1 欧阳1 司马1"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力健鹏飞龙凤春梅雪琴云海波宇浩然子轩梓涵欣怡佳琪"
    "思雨晨曦一诺俊熙嘉豪志永福生贵宝山林森淑珍凤莲德成庆祥瑞清泉振东卫东立新长江镕堃喆昇祎玥頔"
)
# Beyond GBK: only GB18030 holds it. Old systems lose exactly such names.
_RARE = "𠂇"
_MINORITY = ("阿布都·热合曼", "巴特尔·孟和", "其其格·乌兰", "古丽·买买提", "扎西·多吉", "那顺·巴雅尔")

_parts = [(p.rstrip("0123456789"), int(p[len(p.rstrip("0123456789")) :])) for p in _SURNAMES.split()]
SURNAMES = [name for name, _ in _parts]
SURNAME_WEIGHTS = list(accumulate(weight for _, weight in _parts))
_PAIRS = [a + b for a in _GIVEN[:60] for b in _GIVEN[::3]]


def people(rng: Random, count: int) -> list[str]:
    """Return that many personal names: mostly Han, some with a middle dot (U+00B7), a few that need GB18030."""
    surnames = rng.choices(SURNAMES, cum_weights=SURNAME_WEIGHTS, k=count)
    given = rng.choices([*_GIVEN, *_PAIRS], k=count)
    made = [a + b for a, b in zip(surnames, given, strict=True)]
    for place in range(rng.randrange(200), count, 400):
        made[place] = rng.choice(_MINORITY)
    for place in range(rng.randrange(1000), count, 2500):
        made[place] = surnames[place] + _RARE
    return made


def person(rng: Random) -> str:
    """Return one personal name."""
    return people(rng, 1)[0]
