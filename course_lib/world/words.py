"""The things of the little world and what they are called in English and in Chinese.

Each table is a text of entries `english/chinese/...`; further columns say what the grammar needs (a person's sex, a
Chinese measure word, the preposition of a place). An entry is an `Entity`; a story works with copies of entities
where it gives them properties of their own (the colour of this kite, the sex of this doctor).

Knows nothing of stories or chance.
"""

import copy
from typing import Any

UNSEEN = "unseen"


class Entity:
    """Something that can be named: a person, a thing, a place, a feeling, a number.

    `kind` names its table; `en` and `zh` are the plain words; further columns are attributes.

    >>> [person.zh for person in PEOPLE if person.en == "Tom"]
    ['汤姆']
    """

    mark: Any = None  # a thing's colour or size; UNSEEN until a telling first describes the thing

    def __init__(self, kind: str, en: str, zh: str, **columns: Any):
        self.kind, self.en, self.zh = kind, en, zh
        self.__dict__.update(columns)

    def word(self, language: str) -> str:
        """The plain word in a language ("en" or "zh")."""
        return self.en if language == "en" else self.zh

    def mentioned_in(self, lower_text: str, language: str) -> bool:
        """Whether a text (in lower case) could mention this: false only if it certainly does not."""
        if self.kind == "weather" and language == "en":
            return self.en in lower_text or self.clause in lower_text
        return self.word(language).lower() in lower_text

    def own_copy(self, **changes: Any) -> "Entity":
        """A copy that a story may give properties of its own."""
        twin = copy.copy(self)
        twin.__dict__.update(changes)
        return twin

    def __repr__(self) -> str:
        return f"<{self.kind} {self.en}>"


def table(kind: str, text: str, *columns: str) -> tuple[Entity, ...]:
    """Read a table: entries separated by commas or line ends, columns by slashes.

    >>> table("drink", "tea/茶/杯, milk/牛奶/杯", "measure")[1].measure
    '杯'
    """
    rows = [entry.strip().split("/") for entry in text.replace("\n", ",").split(",") if entry.strip()]
    return tuple(Entity(kind, row[0], row[1], **dict(zip(columns, row[2:], strict=True))) for row in rows)


PEOPLE = table(
    "person",
    """Tom/汤姆/m, Sam/山姆/m, Jack/杰克/m, Max/马克斯/m, Leo/里奥/m, Paul/保罗/m, Peter/彼得/m, David/大卫/m,
    Oscar/奥斯卡/m, Henry/亨利/m, Lily/莉莉/f, Anna/安娜/f, Mia/米娅/f, Lucy/露西/f, Kate/凯特/f, Amy/艾米/f,
    Emma/艾玛/f, Rosa/罗莎/f, Nina/妮娜/f, Sara/萨拉/f, Ming/小明/m, Hao/小浩/m, Jun/小军/m, Gang/小刚/m,
    Dong/东东/m, Tao/涛涛/m, Lei/小磊/m, Qiang/强强/m, Jie/小杰/m, Hong/小红/f, Mei/小梅/f, Lan/兰兰/f,
    Ying/英英/f, Fang/芳芳/f, Yan/小燕/f, Jia/佳佳/f, Ting/婷婷/f, Jing/静静/f""",
    "sex",
)
RELATIONS = table(
    "relation",
    """friend/朋友/, neighbour/邻居/, classmate/同学/, cousin/表弟/m, cousin/表妹/f, big brother/哥哥/m,
    big sister/姐姐/f, little brother/弟弟/m, little sister/妹妹/f""",
    "sex",
)
KIN = table(
    "kin", "grandmother/奶奶/f, grandfather/爷爷/m, mother/妈妈/f, father/爸爸/m, aunt/姑姑/f, uncle/叔叔/m", "sex"
)
COLOURS = table(
    "colour",
    "red/红色, blue/蓝色, green/绿色, yellow/黄色, white/白色, black/黑色, pink/粉色, golden/金色, purple/紫色, grey/灰色",
)
SIZES = table("size", "old/旧, new/新, little/小, big/大")
# use_en follows "to" ("loved to fly it"); use_zh follows 最喜欢 (最喜欢放风筝). hard: can break when it falls.
THINGS = table(
    "thing",
    """kite/风筝/只/fly it/放风筝/hard
    ball/皮球/个/play with it/拍皮球/
    book/书/本/read it/看书/
    hat/帽子/顶/wear it/戴帽子/
    cup/杯子/个/drink from it/用杯子喝水/hard
    lantern/灯笼/盏/light it/点灯笼/hard
    umbrella/雨伞/把/open it/撑雨伞/hard
    drum/鼓/面/play it/敲鼓/hard
    bell/铃铛/个/ring it/摇铃铛/hard
    scarf/围巾/条/wear it/围围巾/
    basket/篮子/个/carry it/提篮子/hard
    box/盒子/个/open it/打开盒子/hard
    toy boat/玩具船/只/sail it/玩玩具船/hard
    doll/布娃娃/个/play with it/抱布娃娃/
    coat/外套/件/wear it/穿外套/
    school bag/书包/个/carry it/背书包/
    watch/手表/块/look at it/看手表/hard
    pen/钢笔/支/write with it/用钢笔写字/hard
    flute/笛子/支/play it/吹笛子/hard
    mirror/镜子/面/look into it/照镜子/hard
    robot/机器人/个/play with it/玩机器人/hard
    map/地图/张/study it/看地图/
    toy car/玩具车/辆/play with it/玩玩具车/hard
    necklace/项链/条/wear it/戴项链/hard
    fan/扇子/把/wave it/扇扇子/hard
    teapot/茶壶/把/make tea in it/用茶壶泡茶/hard
    whistle/哨子/个/blow it/吹哨子/
    torch/手电筒/支/shine it/照手电筒/hard
    jump rope/跳绳/根/play with it/玩跳绳/
    paintbrush/画笔/支/paint with it/用画笔画画/hard""",
    "measure",
    "use_en",
    "use_zh",
    "hard",
)
FOODS = table(
    "food",
    """apple/苹果/个, pear/梨/个, peach/桃子/个, cookie/饼干/块, sandwich/三明治/个, steamed bun/包子/个, orange/橘子/个,
    piece of cake/蛋糕/块, dumpling/饺子/个, rice ball/饭团/个, mooncake/月饼/个, bread roll/小面包/个""",
    "measure",
)
FEED = table(
    "feed",
    "some bread/一些面包, some milk/一些牛奶, some rice/一些米饭, some soup/一些汤, some corn/一些玉米",
)
ANIMALS = table(
    "animal",
    """dog/小狗/只/ran up/跑了过来/ran away/跑开
    cat/小猫/只/ran up/跑了过来/ran away/跑开
    monkey/猴子/只/ran up/跑了过来/ran away/跑开
    goat/小羊/只/ran up/跑了过来/ran away/跑开
    bird/小鸟/只/flew down/飞了过来/flew away/飞走
    duck/鸭子/只/flew down/飞了过来/flew away/飞走
    magpie/喜鹊/只/flew down/飞了过来/flew away/飞走
    rabbit/兔子/只/hopped up/跳了过来/hopped away/跳开
    fox/狐狸/只/ran up/跑了过来/ran away/跑开""",
    "measure",
    "came_en",
    "came_zh",
    "left_en",
    "left_zh",
)
PETS = table(
    "pet", "Lucky/乐乐, Spot/点点, Coco/可可, Star/星星, Bean/豆豆, Pepper/花椒, Button/扣扣, Snowball/雪球"
)
WEATHER = table(
    "weather",
    """windy/风很大/the wind was strong
    sunny/阳光很好/the sun was shining
    rainy/下着雨/it was raining
    snowy/下着雪/snow was falling
    foggy/到处是雾/there was fog everywhere
    hot/天气很热/the air was hot
    cold/天气很冷/the air was cold
    cloudy/天上有很多云/the sky was full of clouds""",
    "clause",
)
SAD = table("feeling", "sad/难过, upset/伤心, angry/生气, worried/着急, disappointed/失望")
SAD_AT_LAST = table("feeling", "sad/难过, upset/伤心, disappointed/失望, unhappy/不开心")
GLAD = table("feeling", "happy/高兴, glad/开心, proud/自豪, grateful/感激, excited/激动, content/满足")
STARTLED = table("feeling", "happy/高兴, surprised/惊讶, touched/感动, excited/激动")
BODY = table("body", "knee/膝盖, arm/胳膊, foot/脚, hand/手, head/头, back/背, elbow/胳膊肘, finger/手指")
NUMBERS = tuple(
    Entity("number", en, zh, value=value)
    for value, (en, zh) in enumerate(
        zip(
            "one two three four five six seven eight nine ten eleven twelve".split(),
            "一 两 三 四 五 六 七 八 九 十 十一 十二".split(),
            strict=True,
        ),
        1,
    )
)
# she: the chance that somebody of this job is a woman, before the world's `skew` is applied (see WorldConfig).
JOBS = table(
    "job",
    """nurse/护士/.9, teacher/老师/.9, librarian/图书管理员/.9, tailor/裁缝/.9, singer/歌手/.9, dancer/舞蹈演员/.9,
    doctor/医生/.1, driver/司机/.1, carpenter/木匠/.1, farmer/农民/.1, police officer/警察/.1, baker/面包师/.1,
    gardener/园丁/.5, shopkeeper/店主/.5, cook/厨师/.5, postal worker/邮递员/.5""",
    "she",
)
PARTS_OF_DAY = table("part", "morning/早上, afternoon/下午, evening/傍晚")
DAYS = table("day", "Monday/一, Tuesday/二, Wednesday/三, Thursday/四, Friday/五, Saturday/六, Sunday/日")
SOME_TIMES = tuple(Entity("time", f"one {part.en}", f"一天{part.zh}") for part in PARTS_OF_DAY)
WEEK_TIMES = tuple(
    Entity("time", f"on {day.en} {part.en}", f"星期{day.zh}{part.zh}")
    for day in DAYS
    for part in PARTS_OF_DAY
)


def _places(text: str) -> tuple[Entity, ...]:
    places = []
    for line in text.strip().splitlines():
        en, zh, preposition, locative, *spots = line.strip().split("/")
        pairs = zip(spots[::2], spots[1::2], strict=True)
        places.append(
            Entity(
                "place",
                en,
                zh,
                preposition=preposition,
                locative=locative,
                spots=tuple(Entity("spot", spot_en, spot_zh) for spot_en, spot_zh in pairs),
            )
        )
    return tuple(places)


# english/chinese/preposition/Chinese locative (在…里, 在…上, 在河边), then four spots: parts of the place.
PLACES = _places(
    """garden/花园/in/里/under the bench/长椅下面/behind the roses/玫瑰丛后面/near the gate/大门旁边/in the tall grass/草丛里
    park/公园/in/里/near the pond/池塘边/under the slide/滑梯下面/behind the fountain/喷泉后面/in the bushes/灌木丛里
    market/集市/at/上/under a cart/推车下面/behind the fruit stand/水果摊后面/between two boxes/两个箱子中间/near the well/井边
    school/学校/at/里/under the desk/课桌下面/in the music room/音乐教室里/near the stairs/楼梯旁边/behind the door/门后面
    river/河/by/边/between the stones/石头中间/under the bridge/桥下面/on the bank/河岸上/behind a willow/柳树后面
    lake/湖/by/边/among the reeds/芦苇丛里/on the jetty/码头上/under a canoe/独木舟下面/beside the old oak/老橡树旁边
    beach/海滩/on/上/in the sand/沙子里/behind a rock/礁石后面/under a boat/小船下面/near the lighthouse/灯塔旁边
    library/图书馆/at/里/under the table/桌子下面/on the top shelf/书架顶上/behind the clock/大钟后面/near the window/窗户旁边
    forest/树林/in/里/under the big tree/大树下面/in the hollow log/空木头里/behind a bush/树丛后面/near the stream/小溪旁边
    bamboo grove/竹林/in/里/under the leaves/竹叶下面/on the stone path/石子路上/beside the spring/泉水旁边/behind the tall bamboo/高高的竹子后面
    farm/农场/on/里/in the hay/干草堆里/behind the barn/谷仓后面/under the tractor/拖拉机下面/near the fence/篱笆旁边
    hill/山坡/on/上/in a cave/山洞里/behind the tower/塔后面/under a pine tree/松树下面/near the path/小路旁边
    station/车站/at/里/under the seat/座位下面/behind the ticket desk/售票台后面/near the platform/站台旁边/in the waiting room/候车室里
    museum/博物馆/at/里/behind the statue/雕像后面/under the steps/台阶下面/near the exit/出口旁边/in the great hall/大厅里
    zoo/动物园/at/里/near the elephants/大象馆旁边/behind the kiosk/小卖部后面/under the sign/牌子下面/beside the bird house/鸟屋旁边
    teahouse/茶馆/at/里/under the stool/凳子下面/behind the screen/屏风后面/beside the stove/炉子旁边/on the windowsill/窗台上
    temple/古庙/at/里/under the bell tower/钟楼下面/behind the incense burner/香炉后面/beside the stone lion/石狮子旁边/in the courtyard/院子里
    playground/操场/on/上/near the swings/秋千旁边/under the climbing frame/攀爬架下面/behind the goal/球门后面/in the sandpit/沙坑里
    night market/夜市/at/上/beside the noodle stall/面摊旁边/under a string of lights/一串彩灯下面/behind the lemonade stand/柠檬水摊后面/near the arch/牌楼旁边
    village square/村子广场/in/上/near the old pump/旧水泵旁边/on the steps/台阶上/behind the notice board/布告栏后面/under the linden tree/椴树下面"""
)
SHOPPING_PLACES = tuple(
    place for place in PLACES if place.en in ("market", "station", "museum", "zoo", "night market")
)
