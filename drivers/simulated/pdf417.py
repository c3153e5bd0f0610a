"""PDF417: text and bytes become rows of black and white modules, as ISO/IEC 15438 says.

Text compaction where all is printable ASCII, byte compaction otherwise, Reed-Solomon over 929. It knows no macro blocks.
"""

from __future__ import annotations

import base64
import functools
from typing import Final

_MODULUS: Final = 929
_START: Final = "11111111010101000"
_STOP: Final = "111111101000101001"
_LATCH_BYTES, _LATCH_BYTES_BY_SIX, _PAD = 901, 924, 900
_LONGEST: Final = 925  # codewords of data, with the one that counts them
MOST_COLUMNS, MOST_ROWS = 30, 90


def pdf417(data: bytes, columns: int = 0, rows: int = 0, level: int = -1, *, is_truncated: bool = False) -> list[str]:
    """Rows of modules, `1` black; a module is as wide as the caller likes and usually three times as high.

    0 columns or rows are chosen, so that the symbol is about three times as wide as it is high; level -1 is what the standard
    recommends for so much data. A truncated symbol lacks its right side. Raises ValueError where the data has no room.

    >>> len(pdf417(b"T1-42", columns=2)), len(pdf417(b"T1-42", columns=2)[0])
    (6, 103)
    """
    words = _text_words(data) if data and all(0x20 <= byte <= 0x7E for byte in data) else _byte_words(data)
    if level < 0:
        level = next(level for level, most in ((2, 40), (3, 160), (4, 320), (5, _LONGEST)) if len(words) + 1 <= most)
    checks = 2 ** (level + 1)
    needed = len(words) + 1 + checks
    columns, rows = _shape(needed, columns, rows)
    if columns * rows - checks > _LONGEST + 3:
        raise ValueError("PDF417: more than 928 codewords")
    words += [_PAD] * (columns * rows - needed)
    words = [len(words) + 1, *words]
    words += _check_words(words, checks)
    symbol = [_row(index, words[index * columns :][:columns], columns, rows, level) for index in range(rows)]
    # The right indicator and the stop pattern become one bar.
    return [row[: -len(_STOP) - 17] + "1" for row in symbol] if is_truncated else symbol


def _shape(needed: int, columns: int, rows: int) -> tuple[int, int]:
    if columns and not rows:
        rows = max(3, -(-needed // columns))
    elif rows and not columns:
        columns = max(1, -(-needed // rows))
    elif not columns:
        shapes = [(wide, max(3, -(-needed // wide))) for wide in range(1, MOST_COLUMNS + 1)]
        fitting = [shape for shape in shapes if shape[1] <= MOST_ROWS] or [(MOST_COLUMNS, MOST_ROWS)]
        columns, rows = min(fitting, key=lambda shape: abs((17 * shape[0] + 69) / (3 * shape[1]) - 3))
    if columns * rows < needed or columns > MOST_COLUMNS or rows > MOST_ROWS:
        raise ValueError("PDF417: the data does not fit the symbol")
    return columns, rows


def _row(index: int, words: list[int], columns: int, rows: int, level: int) -> str:
    cluster = index % 3
    third = 30 * (index // 3)
    shape = ((rows - 1) // 3, 3 * level + (rows - 1) % 3, columns - 1)
    left = third + shape[cluster]
    right = third + shape[(cluster + 2) % 3]
    patterns = _patterns()[cluster]
    return _START + "".join(patterns[word] for word in (left, *words, right)) + _STOP


# Text compaction: two values under 30 make a codeword. Submodes, with latches ll ml al pl and shifts ps as.
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ "
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz "
_MIXED: Final = "0123456789&\r\t,:#-.$/+%*=^"  # then pl, space, ll, al, ps
_PUNCTUATION: Final = ";<>@[\\]_`~!\r\t,:\n-.$/\"|*()?{}'"
_LATCHES: Final = {
    ("upper", "lower"): (27,),
    ("upper", "mixed"): (28,),
    ("lower", "mixed"): (28,),
    ("lower", "upper"): (28, 28),
    ("mixed", "lower"): (27,),
    ("mixed", "upper"): (28,),
}


def _text_words(data: bytes) -> list[int]:
    values: list[int] = []
    mode = "upper"
    tables = {"upper": _UPPER, "lower": _LOWER, "mixed": _MIXED}
    for character in data.decode("ascii"):
        if character == " ":
            values.append(26)
        elif character in tables[mode]:
            values.append(tables[mode].index(character))
        elif target := next((name for name in ("upper", "lower", "mixed") if character in tables[name]), ""):
            values += _LATCHES[mode, target]
            mode = target
            values.append(tables[mode].index(character))
        else:
            values += [29, _PUNCTUATION.index(character)]  # shifted for one character
    if len(values) % 2:
        values.append(29)
    return [30 * high + low for high, low in zip(values[::2], values[1::2], strict=True)]


def _byte_words(data: bytes) -> list[int]:
    words = [_LATCH_BYTES if len(data) % 6 else _LATCH_BYTES_BY_SIX]
    whole = len(data) - len(data) % 6
    for start in range(0, whole, 6):
        number = int.from_bytes(data[start : start + 6], "big")
        words += [number // 900**place % 900 for place in (4, 3, 2, 1, 0)]
    return words + list(data[whole:])


def _check_words(words: list[int], count: int) -> list[int]:
    factors = _generator(count)
    checks = [0] * count
    for word in words:
        lead = (word + checks[-1]) % _MODULUS
        checks = [(below - lead * factor) % _MODULUS for below, factor in zip([0, *checks[:-1]], factors, strict=True)]
    return [-check % _MODULUS for check in reversed(checks)]


@functools.cache
def _generator(count: int) -> list[int]:
    """The coefficients of (x - 3)(x - 3²)… without the highest, the lowest first."""
    factors = [1]
    root = 1
    for _ in range(count):
        root = root * 3 % _MODULUS
        factors = [(a - root * b) % _MODULUS for a, b in zip([0, *factors], [*factors, 0], strict=True)]
    return factors[:-1]


@functools.cache
def _patterns() -> tuple[list[str], list[str], list[str]]:
    """The 17 modules of every codeword, by cluster: the first is always black, the last always white."""
    packed = base64.b85decode(_PACKED)
    modules = [f"1{packed[at] << 8 | packed[at + 1]:015b}0" for at in range(0, len(packed), 2)]
    return modules[:_MODULUS], modules[_MODULUS : 2 * _MODULUS], modules[2 * _MODULUS :]


_PACKED: Final = (
    "YT$KvdcJCKbv$~XRA6d2R4^zYR2V1_R^V%Rb-q?`Ydm$IEMQhREHEzMS9oi_E^t>oYo9JSR~|2TSH3SiSD!Dwdi`l|bi8_BQebH~be>W$X&fXVQW"
    "$9tBoI;zBnVS*X}ombCSX%IX`Uu9QygiJCKyu=Cva1|Y2PO}Q=TUrQ;#RSQ{N|^Cy!BJXt;D<Q7~wnbWb86Q5a~BA`npwA_yV`BVbXuXx<|*QJiS"
    "cBN$PRBMc)3Be+rCBb-ssBaS29P_SrRbT1(wP?%^=ArMfEXh$IkP=+A{P=g_`P~2#5A(&9kA&gMRA%-D?Q12nfAfQlKXf7a-P)ukiAc#;#AcRmuA"
    "c7#+Aj}}fAW&!*P$p0#AVFnta=dw8N?>I;a-K>sWgK#k6d+0%6c9^rWxR6V7GO&_Wu6u=OB@y$77Q0~OT1;@7dT6v7aSK37raZ~7oHd2ZD4k|dtP"
    "lYcAR@pS|Dv0c8*#QZ47pYS_o|hNnm8Sa$Z|tNibxba!*?@ZJc(`HXsrZNepC%HV|73HV6}7Nw{R*H((PmNt|TQH!xeAZO=Ct6AU*D6Szs<H@Fj="
    "NzXT&ThBL+6W%x86VEr#Y_N7*doNiaY?yXVSrBZDc1KwVY=&6`SprC~WL$DDS+Gc$WKJ_65fE(7WJfa)5eP_zGYDCRNP`gq5wJ+yWN$OD5tvBMGn"
    "iS<NXIjb5rz?i5!^`cGu#o*GtLpmGsiRUSfFfJb}m?uY)p11Scq&!ScGgtSb|uA5THm{WG*qF5RgbrWG69@Sj=o^F^CX^NJBA%Si>=b5ZFj=G1w5"
    "yNM|w3Sm!au5W_LUG43(vSWs*%b{AMkY$jMlY$I4gSV0g_NGxO*FwhW4NG34ISY}8gFvJi-Fv1W)5Nt5)Fy=7hY!+-2SRqIj5F{{UFk&!aMPOpMa"
    "b86*Vw?&fMHpg^3J^sM3J3}W3t&aKV%`fdMVw;K3m8R?3k(Ye3%Etz3!FvI3yurk3(sb-b6k0^O(15Nb52bVW{h)3O$cU&O$26xM6hC9aW74<M3`"
    "bu8z2b~X3k<q8xT#5M1~s(2?QGi39v-mVs9I;37BT@8<<VbM8_M935FYn3EV{Q8{7%b8_o&G3GW;4ZlHHqd#-MfcT9VyZishAZiIJ3Zh}mpW>|AB"
    "U7$>mcW!ehU65|fcV}IQOoV1bU4(AKOo0fXL|9@j8K4M|L`-5QJD?emOw49yJCI$>Zs$ZpJBS&COv5{b2!ROLL~a?_2+TxhJJ=b_Oy@hyUFQhH8N"
    "&$f8SV(@JMJ0hZcukDdzWrVcP4H`cOz~>Zb3{?W-N0TT+mENcQ;(fZf0g9T*OR5T*6F2T)_xXL@Z(#7|;kvL?$`V7|2X!L?b!KT;>QuIm8&k2tgR"
    "Z2y8?*80-jUIqVqb2xB?s7~=?cIrnZTcNT6WcN1<RZXrx4W)@s%OeAI#Tx4!DTw+WiTww?(L>3rm2qZ)kIOrH;Ofxv-TyqE^IN}&#IN=y}IQBU6c"
    "MEP2W(!ObOc4ka7&JI^2oV@DLa+rOLYM^*LX2TY1qech1q4Ea1+YTgVQ&SPLe2$@LdOM$1%n0LLhl961;+*NMxbL@ajr&?V@yVfV@5`VV?#!Q1fW"
    "7#VJ;1z1dwBHVJ8icM$BVp4TuDULPHINM#BVw1lU4u4cG+CLT3%kM&}L21j7XG4ekWz4d-W2bF6vSXGn9VXGC+OXF_K|Mo?ocPS8e3V<t|>XJ%s~"
    "PQ*q+PQpe(PQe6FLM#l>1W02y9ncKOMrJ}I9mr1R1VSCe48jCK48a6!LN^TT1ZExV4CVx59p((<1a}Pg9rt&rd)9ZPd((HKccEt}bCz#tceZnrZ)"
    "A6~Z(?U5Z(&9#V-`+mMkHesUg%C_XER>pZ*xW=UgAz+Uf~2NLKX~Y1SCQe9Ow*WMl(I=9OO=O1R*`-Uh@oLJ>mp540Z%F9QF)zJ@y>)J@a>zd&_r"
    "{cadilbBk{@cbjiAXAy5PMigTUPBcamUUW_}MiE|ePBC6_1QbFG3^Ya?9CQpa1Q9&+9C8dXJn|fIJn;-WJo|TvZyIkIP8wc1UO5aJ96CIDJb4130"
    "+2yW0*C^H0)hhA0?Y!&0>c9C0_Q_eLr7t!LquVtLqbDA0#HFL2GB!nK_&*sLuLlVLt_TQ0zn4B0&GDy2JAz32Ic}|2IB&E2KQsAW29rEW1&MRM`&"
    "ZVVUtH>W3xwMLm@|D0w@M(0wh5b4(JAC0wNCN24Vss4&nx30yYMA0y7Tw26GPcbJTOvbJ1gzXS8$MXR>3FXR$*RVT(sJW1CNOM>0bZPjW{wPjLbi"
    "K??>nLmLis1~LK>9`p`!1~DG;4sik-20IRW9{YRhd+Bq^ciMBwciCf#XPRS)Z@OohZ@EJXM;b#3PdY~#UwV45eOz@QdYFAqbr5=teMfZ&dWLlbdV"
    "_TWb+CHeeQ#?Zb(nh2YY=seddF)Bb%tvMb%SdHYp`|Pdhb^tYnXM;R}gEAb;nl-Ylc?@YlBw;SFmf`b?+}ASD0(gFA!IZYsW7LSB5VHSA#FGSKMp"
    "wFPK-(FN{~mFNQDNSMM**FUNGCdRTofbdY*XeJ6B?dPa1FdP8)Abb)E0bl7@sX^?cxdS_{fbjE3fbi-+aX@OIqY1nk`Q;=!QbmvouX~t88X~R>3Q"
    "-LR-Q`l+lCy-OjY3C=1Q^qHRQ^O~MC)iW&C(KjlC&nkkC+;WbbWnOMeHU~{dM0#4dLwi~bU|p)bZmMzXvlPCXvB15Xu@d0QP61Ybazq6Xy#GGXyZ"
    "}BQNbh7QS4~<Bgj$aBg9eTBf=xWBkWQ4BjzLHBlmPDdKPpfdJ}XabRlSHbT(*YbTepTXkk$3Xm(KKXme2FP~joyQ1&6@Q1c<;A>kqRA@g(;dJA+C"
    "bP;GYbQ@?gXfaT9Xgg4HP;nsiP<tTqAn|kxbO~r0Xc<sCP&sm-d02d|a*%mUe5Z1Vc}8-Cc|&r7a)D)_a@cupWsq{rd1qyaa>iwZa>HeUWr0heW!"
    "Q4=OOR#Ea_38kWyVW{Wy4E?OMw@lOW0-Z7m!QLW#<=&OU4(3OT!m}7uZYg7tBlN7seOE7w#A5dr*C>HTZi-eWo=0dqjPsG=6(RdqHwgc`SUFcF=N"
    "2eYbYVduDkfcEoZ*cEWN&cEM!Oa%_1wZO~-Ma%OGFcII+pZNy~4ZNg;1ZNW*<WbATxThK|!WaeAQZRTX-Tf|AiTf#}fTfr01N$h0zH_#KvN#-}mT"
    "jojQH^dXdH^LLa6YNR%H|!JUH|7)LH{%ocdnkRDGW>faeUmbNdm=JFdm(Ztc@}nPawK^Zc4T`qc4BfNc41^_ayD$}WMpzPY~*%xY~o~LY~e`gWOi"
    "BTNaSR5S>$Z<S>j0HS>X}rNcJ=65#&hoGvrzGGvX29GvN{TGxiblGxK{CeTy-EdlE4}dl7OJc?)(ldmDB#auIehWHfRcY;<HYY;t5VY;j0*WII^&"
    "Y<pPpNO4&45cEiUG4v4fG4c@cG4T-lG5dQ8Fu!{Vatd}DatU@BWEyNbWEpHZNIF=0NI6(}5PC5B5P2~9dj)a@b`4|=Y#m4)SUqu2c&vO^aY%TkaY"
    "T5daYAuHV$gAHc(-E6ab{w~abse_V!=hwV(f8uMaW|2MZ{v`MZ!hF3(!UEV)qNkMdk~{MdJ&?3&9KQMfVHl3*!s-d8mBW8vJ>reA60!d7>IWd7*J"
    "Ac$RZ$aU^(?b7Xn5b7FBJb75j=aW-b?Vq|eMX5@2oX5wODX5mEWVs=gFMC4*~P2^_tP2xo1P2maXMD`o#3FJic8{|#%8{!G!8{rA|8}<qF8}ohCI"
    "{00FebPF7T|a%%IzBodd6az18Gd`TecL;J89#fnd67Fmd$Dm8c#Cs1aT0fQd%JNFcXD$vcX47gaT{iIVlr;@W^!UNZt`YvZt+BPVmnOqL~>p9O!7"
    "o=UGhxvUGWI?M0*+Z2=Y7h8S)76JMtOvJMjqn8T)<8Iec8deaSgKIUjk77{7a(d5Jl{dzo<xa~g38cRF(!cR6AjW;$XSZhB@pZh1sHOnO8)T>4CT"
    "T=@uk82Si#Ir<p+Ir)9XIKDWad4+q8aRqY?cO7C4W*u%lL>){$Tzv>V7=1YXIA3t6cvf(vcvEnqaG_ynaJFG&aI;}zVPQh(VRk~~VRJ&_Lg5AILi"
    "PpZLh}XU1>ptu1@m~+d}|GUc+w3&c+qf_cuR4#aFTJdaFKDbVKi`?V{~CMV{&0JV{t-sVLL|jLUKm(LUBg%1oT3C4fF)^4e|u>4e<o~4f}lR9ehr"
    "|eCZuN9Upkg48M8Wc*z~VdD(D^ahh<6bGmVvbGcy}V>)3OXL@5fXL&+8MtVXyPWnc9PWc3S4Eh9l9r_IU9r-<YUcNm%UY|W4Jr8{49KL<+J-!^DJ"
    ")d~RdChy>aD{P=bDej+VGUy)XFYFyLLEjuPJLee1U(FW9Q{1JUSB+(JdYe-Jl{NCJWo6?a8z(oa8Y2ia9d!qV6j1TV7ozbL2&}~L3;x70`UU-cxn"
    "c}cxiA-aN2N5aM@s*VY*<MVYxv%LwZ3uLwN#v2KoYd2Kjt-4!#bbcx8C)a7A#<aou2zVVz^WK^;RqM|}c427M0w9=uOq9-bbL4qqPMKDb|AKAc}q"
    "K8`+z9$r4)9#1~cK3rcfK2API9xpy`J}y2dJ{MqGU|B%AK)C^W0eNt3U`=4%K%GIo0X+kK2VW0f4^JOlPp=<NA4d-_A8$WcU#>q)U#CAtKSLibKW"
    "-l<KW9HIUza~7KO-L(KQ})XKNAP953UcVAFNN;AEqCp50@XeAC@1JRq$&3Dd1H2YJMp2RD5bbD0oypC_H^=E$~+SePk^7R(^eAEPPf!ePJv<dgy("
    "2F8q4reRD2;dg3lWdf|2GdiHhXdh>PSb>VC1b@prIb@OZDYvEVuYxY;<Yx7s)CE!x{X?`T|QhaGYBzRIjBs@|dBp!V<Ciqi+eKIC|Q$Kw%CO#$~d"
    "USm|Cw_WzCqH^|bo6?Abn<lZY4mjaY4U0DQ}k*3Q}R>sBJfdsXul$OQ9dF(Q6C~6A`g8UBYaW6eHkM@BOiJ?Bfok%bb54oX!>aRQTkE&A$U-}Av{"
    "o@As!(QeGMVLA)k63bUkQ&AiPjtAf6zPAm1QfAWs$GO88}d6!1!XWj_>nN<I`kN*@#+e6$w$OMZN^7JN%Te6bcj79V+Ze7hHZd2$y&d2w>|d3$p5"
    "a`9#Ka{FcSW${b&W&2C=OYvIpZG3jWG~ilzZ9X(`T0CtZG&ouwG#pwFG!7E*Nql6#Ht-U7Nj^4sTRur2Harp@HXafWHV=H76MRX(eY$*^H+&O5eY"
    "rP26CXDpc{&rndwO{}H@|y%a(Z_9a(Q<7WcqFTWch9RN%~3oGT>QwY`!vZSv+i?GB{ZtG8|bCG7d5a5qL<xGk6g^NS`x2S)Vf=5f3vDe2o#leVsG"
    "D5uY=kc^!K_ay@o^WPNP?Nc}NzSiEdsF*sPBF&tQrF%B^Y5WGlVF}x6-F`f{QF^>@6G2bw_SY9xkSWhsHFozIcFy0VPFwZbtST8V6Fh>wCFmEs}F"
    "eeJ|MSNnv3V2063Oq$03LXj%d|C^9MZbJm3qA`Uc)AO}c)4+Uad~3;V);e-Mfn=wO?YO$8gNZKW}g~3O&%H?O%ECl8V3n@M7|q%2|Prf8$3;)8y*"
    "P{8xMR<3BG*Y8@>sj8=rWcdA)HxbA4icX8lC{U2tx^cV9YST{v!@Ixt-vZjU+`T@E@7T?aY_8E{OzW?wsS88}RyJ2+jQOpiMp84f!R83#KD2)smJ"
    "8N3LdJG>d52#-6S8IL=U2;UjsJKs5AT)1vtIWSzDZcjNFT#h*mT!%RZIRhBDOkO#-7@SN`Ih<V2IgS{IIfn>d7~Tj^Io=r0InOw-TwHE1IG9{cIE"
    "-9JIEFZb7+g#*INTUcIL;VHIL8Pt7;iZ5I9OaRI80n8I7T=_7%n(&7$-PqI4oQjI3_qF7#BD<I2Je)1$aWf1w2BZ1s(+t1-=EJcwKP4VSPgV4RA)"
    "hV_yw8MxG5EMvn~+4F?3gLSGHM1fC6^1dk1m1m6wc9bitlXI>pJPMl{?9T-lI9Slx~9R?i(47f&K9k>jfMo%4_42~U+42K<u1YQi@1Wz5_49^|UU"
    "a)UmcdtDlUYKuAJrG`uZ$~`{UWPpcUV}XX9I#GYXD>al9GFf{J(yn3PDeeA9ELrH9D_ZB3|vMp9NY{}J=`453`afA9LGJ!1TPG49Pd5vJfL1!Z!S"
    "ELUQBN%JcwRKJcM3DJc2xd99T{+JlGsePA5FfUS~YU978<A3@#jQ3@1G99A`Y|JWyUNZx=jBUM4(5UL!n0JV6{RP8U3E940(w93wnq3>O?XJa;@O"
    "UKTtgUK2bbJRuwwJT@E?JTp8LUJE=DJP{lVJR1VML0<x%0*?aU2Dn3B2Ao4r295@Y0$v8*0#63d4zNdDW3LXFM@|lmM@J5Z4ub|<LoW{822Kvn21"
    "gFZ0xt${4(}eIPgrNJ9*|E=XQv*BPevYuPeUGp9)S*6M=l=N4opWU9?VZ?9>xws9>WGM4sHe~9_|ij9_L?BZ>)FMUr2AJUqo-CUqW9&9#Bs#XO}+"
    "E9!O6nKFD8YPa{6W9zs6C9zj0A4lG9(9&8RKKI|T54kJG19%DY^1{V%D9(O+XUnp;uUnFmnUm{;29w<*1K4=~!PZK_5Uo$>p9w9zq4i+9Z4ii3h9"
    "y303UlebPUlLyt9u!XtJ~SQ@J~AE=J~0jp9veP8UkYCd9tu7h9tl1f0bT)516)C`15N`+0WSk@2UtU{2TVh!2Sx`&11<+{11AS(4^T&}W7iKzN2U"
    ")%N23oy4?zbkLzfS1N4F1V2O|$-0~ZH34|h+fXVy=oXVXujPoWPeN0uLGPqs&sA7l?AA7T$7A7KX;4>kuAA9fEjA9HWick6G`Z_!VbXUku-Pm*7<"
    "Pmy1-4-`j>A2bgVKXe~54-r3dA2C012MZ4yA3HyLZ_01UPl{ifPl;cd4+<X|4+%dy9~nP6Z^ciAUyTn19}Pbp0j>e31FS*U1EvF`0ha@}2dG2V2c"
    "$#O2cid|1C|H21Cs}{N7Q5MN76^p2b4q0541<y53&c553vJ_2b&MOXX<C^N6JsyN6Amw2Z|4x2Z<lL51AjiXXQu5Pt6B~4~-w40oDQ21Jpt51JVQ"
    "00m}p1L+V561Ih>51IY*3WAy"
)
