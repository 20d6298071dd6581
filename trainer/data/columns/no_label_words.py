"""Words that mean "no label": listed, or made of parts where there are many, as in English and Chinese."""

import re
import unicodedata
from collections.abc import Sequence

from trainer.system.spellings import spelling_key

LISTED = (  # as ``spelling_key`` has them, without accents
    "na,n/a,n.a,n/d,n.d,nd,n/r,n.r,nr,n/k,#n/a,<na>,nan,nat,null,nil,none,\\n,unk,unknow,unkown,unknonw,unkonwn,uknown,unknwon,undef,empty,missing,blank,skip,skipped,undefined,ambiguous,"
    "pending,tbd,tba,tbc,todo,unsure,dk,dunno,don'tknow,dontknow,idk,n.v.t,nvt,k.a,keineangabe,ohneangabe,unbekannt,unklar,"
    "nichtbekannt,nichtangegeben,nichtzutreffend,inconnu,inconnue,nonrenseigne,nonprecise,nonspecifie,nsp,desconocido,"
    "nosabe,nocontesta,weissnicht,keineantwort,nesaitpas,ignorado,ignorada,dk/nr,dk/na,失访,"
    "desconocida,desconhecido,sinclasificar,sinetiqueta,semrotulo,nonclasse,sansetiquette,ohnelabel,nichtklassifiziert,noaplica,noinformado,naoinformado,naoseaplica,seminformacao,sindato,sindatos,sininformacion,"
    "ns/nc,s/o,s.o,s/d,sconosciuto,nonnoto,nondisponibile,onbekend,ukjent,okand,nieznany,neznamo,bilinmiyor,belirsiz,"
    "н/д,нетданных,неизвестно,неизвестен,неопределено,неуказано,미정,미상,없음,모름,알수없음,なし,該当なし,未定,未記入,未選択,"
    "未設定,わからない,不明,#value!,#ref!,#div/0!,#name?,#num!,#null!"  # Excel's errors
)
WORDS = frozenset(LISTED.split(","))
KNOWN = (
    "known|labell?ed|annotated|tagged|classified|categori[sz]ed|specified|determined|decided|assigned|available|applicable|"
    "given|stated|provided|answered|reported|recorded|rated|tested|examined|assessed|evaluated|measured|collected|ascertained|performed|done|sure|certain|clear|identified"
)
ENGLISH = (
    rf"(?:not|un)(?:yet)?(?:{KNOWN})(?:yet)?",
    r"no(?:label|tag|data|answer|value|information|info|annotation|consensus)s?",
    r"(?:can'?t|cannot|couldnot|couldn't|unableto|impossibleto|hardto)(?:be)?(?:tell|say|determine|decide|judge|classify|label|"
    r"rate|assess)d?",
    r"(?:prefers?not|(?:refused|declined))to\w+|insufficient(?:data|information|info)",
    r"to(?:be)?(?:label|annotat|determin|decid|classif|review|confirm|announc|fill)\w*",
)
CHINESE = (
    r"[未待](?:知|定|明确?|标[注记]?|標[註記]?|分[类類级期]|确[定认]|確[定認]|判[定断斷]|指定|提供|填写?|填寫|回?答|评[价级分估]|評[價級估]|随访|录入|采集|检[测查]|做|测|设置|核实|"
    r"审核|补充|选择?|命名)",
    r"(?:无法|無法|难以|難以|不能|不可|不好|没法|無從|无从)(?:判[断定斷]|确[定认]|確定|识别|識別|分[类類辨]|辨[认别]|区分|评[价估]|鉴[定别]|检测|标注|说|說)",
    r"待[查检复测办]\w?|[没沒](?:填|写|选|答|标|给|标注|填写)",
    r"[看分说记认听读辨]不(?:清楚?|出来?|准|了|明)",
    r"(?:暂|尚|暫)?(?:无|無|没有)(?:数据|數據|标签|標籤|标注|结果|信息|资料|记录|效值?|内容|答案|回答|应答|评价)?",
    r"不(?:知道?|清楚|确定|確定|详|詳|明|适用|適用|好说)|暂缺|(?:信息|资料|数据)(?:不全|不足|缺失|不详)|空[值白]?|缺[失省]?|拒答|(?:不愿意?|拒绝)(?:回答|作答|透露)",
)
MADE = re.compile("|".join((*ENGLISH, *CHINESE)))
_OF = "class|label|data|type|category|value|tag|answer|类型|类别|類別|类|标签|標籤|分类|分類|情况|数据|值|组"
OF = re.compile(rf"^(?:{_OF})|(?:{_OF})$")  # an unknown class, unlabelled data
AROUND = "()[]<>{}【】《》〈〉「」"
BESIDE = re.compile(r"\([^()]*\)$")  # N/A (not asked)
SPLIT = re.compile(r"[/|或、,;]|or(?=unk|und|not|no)")


def means_no_label(label: str, classes: Sequence[str]) -> bool:
    """Return whether a class looks like no label: by its word, or since it is a mark alone, which another is not.

    Example:
        >>> [means_no_label(word, ["cat", word]) for word in ("N/A (not asked)", "其他/未知", "???", "noon")]
        [True, True, True, False]
        >>> means_no_label("-", ["+", "-"])
        False
    """
    if _is_mark(label):
        return not all(map(_is_mark, classes))
    key = _bare(label)
    parts = SPLIT.split(key)
    return (
        _is_word(key)
        or _is_word(BESIDE.sub("", key))
        or any(_is_word(part) for part in parts if len(part) > (2 if part.isascii() else 1))
    )


def _is_word(key: str) -> bool:
    bare = re.sub(r"[\W_]", "", key)
    of_none = {key, bare, OF.sub("", bare)} - {""}
    return any(word in WORDS or MADE.fullmatch(word) for word in of_none)


def _bare(label: str) -> str:
    """Return a label as one spelling, without accents, nor brackets around it."""
    key = spelling_key(label)
    if not key.isascii():
        key = unicodedata.normalize("NFC", re.sub("[\u0300-\u0307]", "", unicodedata.normalize("NFD", key)))
    return (key[0] in AROUND and key[-1] in AROUND and key.strip(AROUND)) or key


def _is_mark(label: str) -> bool:
    return all(unicodedata.category(char)[0] in "PZ" or char in "+=~^|`" for char in label)
