"""Characters that look like the letters of the forbidden words, folded to those letters.

Derived from the Unicode confusables data (UTS #39, ``confusables.txt``, as carried by the PyPI package
``confusable-homoglyphs`` 3.3.1), widened by the base letters that Unicode character names tell (``LATIN SMALL
LETTER L WITH STROKE``) and by stylised substitutes in common use (``\u039b`` for A). Only characters that are
left after NFKD and the removal of marks are listed: styled alphabets and accents fold by normalisation. The
letters i and l stand as one class, ``i``, because I, l, 1 and | are one shape. A key of two letters holds
characters that may stand for either.
"""

from typing import Final

LOOKALIKES: Final = {
    "a": (
        "023a 0245 0250 0251 0252 028c 0391 0394 039b 03b1 03b4 03bb 0410 0430 13aa 15c4 15c5 1d00 1d27 "
        "1d8f 20b3 2200 2206 237a 2c65 2c6d 2c6f 2c70 a4ee a4ef ab7a 102a0 16f40 1d217 1f150 1f170 1f1e6"
    ),
    "c": (
        "00a2 00a9 0187 0188 01a9 023b 023c 0255 0283 037d 03da 03db 03ff 0421 0441 0511 13df 1d04 20b5 "
        "2ca4 2ca5 2d49 a4da a73e a73f a794 a7c4 ab9b abaf 102a2 10302 10415 10429 1043d 1051c 118ce 118e9 "
        "118f2 1df1d 1f152 1f172 1f1e8 1f74c"
    ),
    "d": (
        "00d0 00f0 0110 0111 0189 018a 018b 018c 0221 0256 0257 0500 0501 13a0 13e7 146f 15de 15ea 1d05 "
        "1d6d 1d81 1d91 2202 a4d2 a4d3 a7c7 a7c8 ab70 abb7 1f153 1f173 1f1a5 1f1e9"
    ),
    "e": (
        "018e 018f 0190 01dd 0246 0247 0258 0259 025c 025d 039e 03be 0415 0417 042d 0435 0437 044d 04bc "
        "04bd 04d8 04d9 0510 13ac 13cb 1d07 1d08 1d92 1d93 1d94 20a0 212e 2203 22ff 2c78 2c7b 2d39 2d3a "
        "a4f0 a4f1 a7ab ab32 ab34 ab7c 10286 10401 118a6 118ae 118c6 16f2d 1d221 1f154 1f174 1f1ea"
    ),
    "h": (
        "0126 0127 0265 0266 029c 02ae 02af 0397 0402 040b 041d 043d 0452 045b 04ba 04bb 0540 0570 13bb "
        "13c2 157c 2c67 2c68 2c8e 2c8f a4e7 a726 a727 a78d a795 a7aa ab8b ab92 102cf 1f157 1f177 1f1ed"
    ),
    "i": (
        "00a3 0131 0141 0142 0196 0197 019a 0234 023d 0268 0269 026a 026b 026c 026d 029f 0399 03b9 0406 "
        "0456 04c0 04cf 05c0 05d5 05df 0627 0661 06f1 07ca 13a5 13de 14aa 16c1 1d09 1d0c 1d7b 1d85 1d96 "
        "20a4 2373 2c60 2c61 2c62 2c92 2c93 2cd0 2cd1 2d4f a4e1 a4f2 a646 a647 a748 a749 a780 a781 a78e "
        "a7ad a7ae ab37 ab38 ab39 ab75 abae 1028a 10309 10320 1041b 10443 10526 118a3 118b2 118c3 118d2 "
        "16f16 16f28 1d22a 1df04 1df11 1df13 1df1a 1e8c7 1f158 1f15b 1f178 1f17b 1f1ee 1f1f1"
    ),
    "n": (
        "019d 019e 0220 0235 0272 0273 0274 0376 0377 039d 03a0 03b7 03c0 041f 043f 0548 054c 0578 057c "
        "05d7 1d0e 1d70 1d87 20a6 2229 2c9a 2c9b a4e0 a790 a791 a7a4 a7a5 ab3b 10425 1044d 10513 1f15d "
        "1f17d 1f1f3"
    ),
    "o": (
        "00d8 00f8 019f 0275 0398 039f 03a6 03b8 03bf 03c3 03c6 041e 0424 043e 0444 0472 0473 0555 0585 "
        "05e1 0647 0665 06be 06c1 06d5 06f5 07c0 0966 09e6 0a66 0ae6 0b20 0b66 0be6 0c66 0ce6 0d20 0d66 "
        "0e50 0ed0 101d 1040 10ff 12d0 1cbf 1d0f 1d11 1d12 1d13 1d97 2205 2c7a 2c9e 2c9f 2d54 3007 a4db "
        "a4f3 a74a a74b a74c a74d ab3d ab3f 10292 102ab 10404 10423 1042c 1044b 104c2 104ea 10516 114d0 "
        "118a8 118b5 118b7 118c8 118d5 118d7 118e0 1df1b 1f15e 1f17e 1f1f4"
    ),
    "p": (
        "00de 00fe 01a4 01a5 01bf 01f7 03a1 03c1 03f7 03f8 0420 0440 13e2 146d 1d18 1d29 1d71 1d7d 1d88 "
        "20b1 2374 2c63 2ca2 2ca3 a4d1 a750 a751 a752 a753 a754 a755 abb2 10295 1f15f 1f17f 1f18a 1f1f5"
    ),
    "r": (
        "00ae 01a6 024c 024d 0279 027a 027b 027c 027d 027e 027f 0280 0281 0413 042f 0433 044f 13a1 13b1 "
        "13d2 1587 1d19 1d1a 1d26 1d72 1d73 1d89 2129 2c64 2c79 2c84 2c85 a4e3 a75a a75b a7a6 a7a7 ab46 "
        "ab47 ab48 ab49 ab68 ab71 ab81 aba2 104b4 104dc 16f35 1d216 1df08 1df15 1df16 1f161 1f181 1f1f7"
    ),
    "t": (
        "0166 0167 01ab 01ac 01ad 01ae 0236 023e 0287 0288 03a4 03c4 0422 0442 13a2 13bf 1d1b 1d75 2020 "
        "2021 20ae 22a4 22a5 27c2 27d9 2c66 2ca6 2ca7 a4d4 a4d5 a7b1 ab72 ab8f 10297 102b1 10315 118bc "
        "118dc 16f0a 1d21c 1df09 1df0d 1f163 1f183 1f1f9 1f768"
    ),
    "u": (
        "01b2 0244 0289 028b 03a5 03bd 03c5 040f 0426 0446 045f 0474 0475 054d 057d 1200 13d9 144c 1d1c "
        "1d1d 1d20 1d7e 1d99 222a 22c3 2c74 a4f4 a79e a79f a7b8 a7b9 ab4e ab52 aba9 104ce 104f6 118b8 118d8 "
        "16f42 1f164 1f184 1f1fa"
    ),
    "ad": "0414 0434",
    "ce": "025b 0395 03a3 03b5 03c2 03f6 0404 0454 20ac 220a 2211 22f4 2c88 2c89 a792 a793",
    "co": "0186 0254 037b 03fd 1d10 2183 2184 ab50",
    "nu": "0418 0438",
}
"""Class letter(s) to hexadecimal code points."""
