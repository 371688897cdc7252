"""Other notations, as tables: words, characters and whole formulas of other languages.

Nothing of it is read as a formula. It is what a message suggests, so each entry has the value that
its users expect; where they expect different values, each is listed. What is suggested is tried
before it is printed (gradcli.language.repairs).
"""

from __future__ import annotations

from fractions import Fraction
from unicodedata import digit

from gradcli.language.names import FORMS
from gradcli.records import NamedTuple

_FUNCTIONS = """
lg log_10 log₁₀(x) = log10(x)
lb ld log_2 log₂(x) = log2(x)
exp2(x) = 2^x
exp10(x) = 10^x
sgn signum(x) = sign(x)
fabs(x) = abs(x)
ceiling(x) = ceil(x)
int(x) = floor(x) or trunc(x)
truncate fix(x) = trunc(x)
fract(x) = x - floor(x)
round(x, n) = round(x*10^n)/10^n
fmod rem(x, y) = sign(x)*mod(abs(x), abs(y))
modulo(x, y) = mod(x, y)
pow power(a, b) = a^b
sqr square(x) = x^2
cube(x) = x^3
root nthroot(x, n) = x^(1/n)
tg(x) = tan(x)
arctg arctan(x) = atan(x)
arcsin(x) = asin(x)
arccos(x) = acos(x)
arctan2 atan(y, x) = atan2(y, x)
arcsinh arsinh(x) = asinh(x)
arccosh arcosh(x) = acosh(x)
arctanh artanh(x) = atanh(x)
ctg cotg cotan(x) = cot(x)
cosec(x) = csc(x)
coth(x) = 1/tanh(x)
sech(x) = 1/cosh(x)
csch(x) = 1/sinh(x)
acot arccot(x) = atan(1/x) or pi/2 - atan(x)
asec arcsec(x) = acos(1/x)
acsc arccsc(x) = asin(1/x)
acoth(x) = atanh(1/x)
asech(x) = acosh(1/x)
acsch(x) = asinh(1/x)
sind(x) = sin(radians(x))
cosd(x) = cos(radians(x))
tand(x) = tan(radians(x))
rad2deg(x) = degrees(x)
deg2rad(x) = radians(x)
ncr comb choose C binom binomial(n, k) = nCr(n, k)
npr perm P(n, k) = nPr(n, k)
fact(n) = n!
j0(x) = besselj(0, x)
j1(x) = besselj(1, x)
y0(x) = bessely(0, x)
y1(x) = bessely(1, x)
tgamma(x) = gamma(x)
gammaln lngamma loggamma(x) = lgamma(x)
psi(x) = digamma(x)
logit(x) = log(x/(1 - x))
expit(x) = sigmoid(x)
normcdf Phi pnorm(x) = erfc(-x/sqrt(2))/2
gcd(a, b, c) = gcd(gcd(a, b), c)
lcm(a, b, c) = lcm(lcm(a, b), c)
normpdf dnorm(x) = exp(-x^2/2)/sqrt(2*pi)
heaviside(x) = where(x > 0, 1, 0)
if iff iif ifelse(c, a, b) = where(c, a, b)
clamp(x, a, b) = clip(x, a, b)
average avg(x) = mean(x)
product(x) = prod(x)
count length size(x) = len(x)
array tensor float(x) = x
mse_loss(x, y) = mse(x, y)
rms(x) = sqrt(mean(x^2))
amax(x) = max(x)
amin(x) = min(x)
maximum(x, y) = max(x, y)
minimum(x, y) = min(x, y)
argmin(x) = argmax(-x)
stdev sd(x) = std(x)*sqrt(len(x)/(len(x) - 1))
variance(x) = var(x)*len(x)/(len(x) - 1) or var(x)
"""
"""A line for each function: its names and parameters, and what it is in our own language."""

EXAMPLES = {name: example for name, (_, example, _) in FORMS.items()}
"""Calls of the functions that take a name."""

DERIVATIVE = "derivatives come from the command gradcli grad"
_INTEGRAL = f"an integral is written {EXAMPLES['integrate']}"
_ROOT = f"an equation is solved by {EXAMPLES['solve']}"
_MINIMUM = "a minimum comes from the command gradcli minimize"
_RANDOM = "random numbers are values of names: w=uniform(0, 1, 3)"

_ALGEBRA = "no command rearranges a formula: gradcli eval has its value, gradcli grad derivatives"
_OTHERS = "gradcli help functions lists those that there are"

ABSENT: dict[str, str] = {
    name: words
    for names, words in (
        ("percentile mode sort det inv eig poly cross outer prime isprime nextprime", _OTHERS),
        ("simplify expand factor collect", _ALGEBRA),
        ("lim limit", "no limit is taken; a value close to it is often enough, x=1e-8"),
        ("plot", "a plot comes from the command gradcli eval with a range, x=-5:5:0.1 --plot -"),
        ("derivative deriv differentiate grad gradient", DERIVATIVE),
        ("hessian", "second derivatives come from the command gradcli grad with --hessian"),
        ("integral quad", _INTEGRAL),
        ("nsolve roots fsolve", _ROOT),
        ("minimize minimise", _MINIMUM),
        ("rand randn random", _RANDOM),
    )
    for name in names.split()
}
"""Functions of other programs that no formula stands for, and what to say."""

DERIVATIVES = {name for name, words in ABSENT.items() if words is DERIVATIVE}

INVERSES = {name: f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
INVERSES["exp"] = "log"
INVERSES |= {inverse: name for name, inverse in INVERSES.items()}
"""What f⁻¹ is."""

INFIX = {
    "mod": "mod(a, b)",
    "choose": "nCr(a, b)",
    "div": "floor(a/b)",
    "rem": "sign(a)*mod(abs(a), abs(b))",
}
"""Words between two operands a and b, which bind as a product does."""

FOREIGN = {
    *("as", "const", "def", "else", "for", "from", "function", "import", "in", "lambda", "let"),
    *("of", "return", "then", "to", "when", "with"),
}
"""Words that stand between or before operands in other languages, and that no one multiplies."""

CONVERSIONS = {"in", "to", "as"}
"""Words between two units."""

_UNITS = """
length: m=1 km=1000 dm=0.1 cm=0.01 mm=0.001 um=1e-6 nm=1e-9 mile=1609.344 miles=1609.344
length: mi=1609.344 yd=0.9144 ft=0.3048 feet=0.3048 inch=0.0254 inches=0.0254 in=0.0254
mass: kg=1 g=0.001 mg=1e-6 ug=1e-9 t=1000 lb=0.45359237 lbs=0.45359237 oz=0.028349523125
time: s=1 sec=1 seconds=1 ms=0.001 us=1e-6 ns=1e-9 min=60 minutes=60 h=3600 hour=3600 hours=3600
time: day=86400 days=86400 week=604800 weeks=604800
volume: l=1 L=1 liter=1 litre=1 liters=1 litres=1 ml=0.001 mL=0.001 gal=3.785411784
pressure: Pa=1 hPa=100 kPa=1000 MPa=1e6 bar=100000 mbar=100 atm=101325
energy: J=1 kJ=1000 MJ=1e6 Wh=3600 kWh=3600000 cal=4.184 kcal=4184 eV=1.602176634e-19
power: W=1 mW=0.001 kW=1000 MW=1e6
frequency: Hz=1 kHz=1000 MHz=1e6 GHz=1e9
"""
"""Units by what they measure; a unit is so many of the one that is 1."""

UNITS = {
    name: (quantity, size)
    for quantity, _, units in (line.partition(": ") for line in _UNITS.strip().split("\n"))
    for name, _, size in (unit.partition("=") for unit in units.split())
}

CONSTANTS = {
    name: own
    for names, own in (
        ("PI Pi", "pi"),
        ("TAU Tau", "tau"),
        ("true True", "1"),
        ("false False", "0"),
    )
    for name in names.split()
}
"""Free names that are meant as constants."""

OTHERS = {
    "T": "a transpose is written A.T",
    **dict.fromkeys("ij", "there are no complex numbers"),
}
"""Free names that may mean what a formula does not have."""

NOT_FINITE = {"inf", "Inf", "INF", "infinity", "Infinity", "nan", "NaN", "NAN"}
"""Free names that are meant as values of binary64 that a formula does not have."""
NO_INFINITY = (
    "there is no infinity in a formula but as a limit of an integral, inf, and no nan; "
    "take a large number such as 1e300"
)

OPERATORS = {
    sign: own
    for signs, own in (
        *(("∙⋅∗", "*"), ("⁄∕", "/"), ("–—", "-"), ("⩽", "<="), ("⩾", ">=")),
        *(("∧&", " and "), ("∨|", " or ")),
    )
    for sign in signs
}
"""Characters between two operands, and the operator that each means."""

PREFIXES = {"√": "sqrt(x)", "∛": "cbrt(x)", "∜": "x^(1/4)", "¬": "(not x)"}
"""Characters before an operand x, and the formula that each means."""

FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8"}

WORDS = {
    "∞": NO_INFINITY,
    "∑": f"a sum is written {EXAMPLES['sum']}",
    "∏": f"a product is written {EXAMPLES['prod']}",
    "∂": DERIVATIVE,
    "∫": _INTEGRAL,
    '"': "a formula has no strings",
    "'": f"a formula has no strings; {DERIVATIVE}",
    "`": "a formula has no strings",
    "\\": "functions are written by name: sqrt(x), sin(x)",
    "µ": "the Greek mu is the character μ",
    "º": "the degree sign is the character °",
    "±": "an error stands behind the value of a name: x=1.0±0.1",
    "‖": "the length of a vector is norm(x)",
    "⌊": "rounding down is floor(x)",
    "⌈": "rounding up is ceil(x)",
    "‰": "a thousandth is x/1000",
}
"""What to say about a character that stands for no formula."""


class Meaning(NamedTuple):
    """A function of another language: its parameters, and formulas of them that are what it is."""

    parameters: tuple[str, ...]
    bodies: tuple[str, ...]


def meanings() -> dict[tuple[str, int], Meaning]:
    """Return the functions of other languages by name and number of arguments."""
    found = {}
    for line in _FUNCTIONS.strip().split("\n"):
        head, _, body = line.partition(" = ")
        names, _, inside = head.rstrip(")").partition("(")
        parameters = tuple(inside.split(", "))
        for name in names.split():
            found[name, len(parameters)] = Meaning(parameters, tuple(body.split(" or ")))
    return found


def meaning(name: str, count: int) -> Meaning | None:
    """Return what a call with so many arguments is in our language; None when it is not known."""
    known = meanings()
    found = known.get((name, count)) or known.get((name.lower(), count))
    base = name[3:].removeprefix("_")
    if found is None and count == 1 and name.startswith("log") and base.isdigit():
        digits = "".join(str(digit(character)) for character in base)  # of log3 and log₃ alike
        return Meaning(("x",), (f"log(x, {digits})",))
    return found


def conversion(unit: str, other: str) -> str | None:
    """Return what x of a unit are in another one, as a formula of x; None when it is not known."""
    quantity, size = UNITS.get(unit, ("", "1"))
    wanted, own = UNITS.get(other, ("?", "1"))
    if quantity != wanted:
        return None
    ratio = Fraction(size) / Fraction(own)
    if ratio.denominator == 1:
        return f"x*{ratio}"
    return f"x/{ratio.denominator}" if ratio.numerator == 1 else f"x*{size}/{own}"


def correction(name: str) -> str | None:
    """Return the hint for a free name that means something in other notations: PI, inf, πr."""
    if name in NOT_FINITE:
        return NO_INFINITY
    if name[0] in "πτ" and name[1:].isidentifier() and name[1] != "_":
        return f"for a product write {name[0]}*{name[1:]}"
    if name in OTHERS:
        return f"add {name}=…; {OTHERS[name]}"
    constant = CONSTANTS.get(name)
    return None if constant is None else f"did you mean '{constant}'?"


def absent(name: str) -> str | None:
    """Return what to say about a function that no formula stands for; None for others."""
    return ABSENT.get(name) or ABSENT.get(name.lower())


def is_known(name: str) -> bool:
    """Return whether a name is a function of another language, with any number of arguments."""
    return absent(name) is not None or any(
        {name, name.lower()} & {known} for known, _ in meanings()
    )


# ---------------------------------------------------------------- whole formulas

MODULES = (
    "np|numpy|jnp|math|Math|cmath|torch|nn|F|functional|tf|sp|sympy|scipy|special|stats|linalg"
)
"""Modules and objects of other languages whose functions a formula has without a prefix."""
_NUMBER = r"\d+(?:\.\d*)?"
_ROW = rf"[-+]?{_NUMBER}(?:[ ,\t]+[-+]?{_NUMBER})+"
"""Two numbers or more, a row of a matrix in other languages: 1 2, or 1, 2."""
_PART = r"(?:[^(),]|\([^()]*\))+"
"""An argument, with parentheses at most one deep."""
_BINDERS = "integrate|integral|Integral|int|quad|[Ss]um|prod|[Pp]roduct|solve|roots?|[nf]solve"
"""Functions that bind a name, here and in other languages."""
_OBJECT = r"(?<![\w.])([^\W\d]\w*(?:\((?:[^()]|\([^()]*\))*\))?)"
"""A name or a call, with parentheses in it at most one deep."""


class Rule(NamedTuple):
    """A notation: its pattern, what replaces it, and the hint when that is a formula."""

    pattern: str
    formula: str
    words: str = "write {}"


RULES = (
    # Words around a formula.
    Rule(r"^\s*=\s*(?!=)", ""),
    Rule(r"(?<![=<>!~])\s*=\s*\??\s*$", ""),
    Rule(r";\s*$", ""),
    Rule(r"^\s*(?:return|print|echo|show)\s+", ""),
    Rule(r"^\s*print\((.*)\)\s*$", r"\1"),
    Rule(
        r"^(.+?)\s*(?:,|\||@|\b(?:for|where|at|with|when)\b)\s*([^\W\d]\w*)\s*=\s*([^=,;()]+)$",
        r"\2 = \3; \1",
    ),
    Rule(r"^\s*d/d(\w+)\s*(.+)$", r"\2", r"derivatives come from: gradcli grad '{}' --wrt \1"),
    # Definitions.
    Rule(r"(^|;)\s*(?:let|var|const|set|local|global)\s+(?=\w+\s*:?=)", r"\1 "),
    Rule(r"(^|;)\s*(\w+)\s*(?:<-|←)(?=[^;]*;)", r"\1 \2 ="),
    Rule(r"\b(?:def|function)\s+(\w+\s*\([\w\s,]*\))\s*(?::=|[:=])\s*(?:return\s)?\s*", r"\1 = "),
    Rule(r"\b(\w+)\s*:?=\s*lambda\s+([\w\s,]+?)\s*:\s*", r"\1(\2) = "),
    Rule(r"\b(\w+)\s*:?=\s*\(?([^\W\d]\w*)\)?\s*(?:->|=>|↦)\s*", r"\1(\2) = "),
    Rule(r"^\s*lambda\s+[\w\s,]+?\s*:\s*", ""),
    Rule(r"^\s*\(?[^\W\d]\w*\)?\s*(?:->|↦)\s*", ""),
    Rule(r":=", "="),
    # Conditions.
    Rule("=<", "<="),
    Rule("(?<![<>=!])=>", ">="),
    Rule("<>", "!="),
    Rule(r"([=!]=)=+", r"\1"),
    Rule(r"^\s*if\s+(.+?)\s+then\s+(.+?)\s+else\s+(.+?)(?:\s+end)?\s*$", r"where(\1, \2, \3)"),
    Rule(
        rf"\b[Pp]iecewise\(\s*\(({_PART}),\s*({_PART})\)\s*,\s*\(({_PART}),\s*(?:True|true)\)\s*\)",
        r"where(\2, \1, \3)",
    ),
    Rule(r"(?<![\w)\]!°'])!(?=[\w(])", "not "),
    # Numbers with words behind them, and arrays.
    Rule(r"(?<=\d)['’](?=\d{3}(?!\d))", ""),
    Rule(rf"({_NUMBER})\s*%\s*of\s+", r"\1/100*"),
    Rule(rf"\b([a-z]\w*)\s+({_NUMBER})\s*(?:°|deg(?:rees?)?\b(?!\s*\())", r"\1(\2°)"),
    Rule(rf"({_NUMBER})\s*deg(?:rees?)?\b(?!\s*\()", r"\1°"),
    Rule(rf"(?<!\[)\[\s*({_ROW}(?:\s*;\s*{_ROW})+)\s*\]", r"[[\1]]"),
    Rule(rf"(\[{_ROW})\s*;\s*(?={_ROW}[^\[\]]*\]\])", r"\1], ["),
    Rule(rf"(?<=\[)(\s*[-+]?{_NUMBER})[ \t]*;", r"\1,"),
    Rule(rf"(\[[^;\]]*,\s*[-+]?{_NUMBER})\s*;", r"\1,"),
    Rule(r"(?<=\[)(?!\s*\d{1,3}(?: \d{3})+\s*\])([-+\d.]+)[ \t]+(?=[-+\d.\s]+\])", r"\1, "),
    Rule(r"(\[(?:[-+\d.]+, )+[-+\d.]+)[ \t]+(?=[-+\d.])", r"\1, "),
    # Names with parts.
    Rule(rf"(?<![\w.])(?:{MODULES})\.(?:PI|pi)\b", "pi"),
    Rule(rf"(?<![\w.])(?:(?:{MODULES})\.)+(?=[^\W\d])", ""),
    Rule(rf"{_OBJECT}\.([a-z]\w*)\(\s*\)", r"\2(\1)"),
    Rule(rf"{_OBJECT}\.([a-z]\w*)\((?=[^()])", r"\2(\1, "),
    Rule(r"([^\W\d]\w*|\])'", r"\1.T", f"for the transpose write {{}}; {DERIVATIVE}"),
    # What binds a name.
    Rule(
        rf"\b({_BINDERS})\(({_PART}),\s*"
        rf"\(({_PART}),({_PART}),({_PART})\)\s*\)",
        r"\1(\2, \3,\4,\5)",
    ),
    Rule(rf"\b(?:[Ii]ntegral|int|quad)\(({_PART}(?:,{_PART}){{3}})\)", r"integrate(\1)"),
    Rule(r"(?:\bSum|Σ)\(", "sum("),
    Rule(r"(?:\bProduct|Π)\(", "prod("),
    Rule(
        rf"\b({_BINDERS})\(({_PART}),\s*([^\W\d]\w*)\s*(?:=|\bin\b)\s*\[?([-+\w][-+.\w]*?)\s*"
        r"(?:\.\.+|:|,|\bto\b)\s*([-+\w][-+.\w]*)\s*\]?\s*\)",
        r"\1(\2, \3, \4, \5)",
    ),
    Rule(rf"\b(?:roots?|[nf]solve)\(({_PART},\s*[^\W\d]\w*(?:\s*,{_PART}){{1,2}})\)", r"solve(\1)"),
    Rule(r"(\bfor\s+\w+\s+in\s+range\()(?=[-\w]+\))", r"\g<1>0, "),
    Rule(
        rf"\b(sum|prod)\(\[?({_PART}?)\s+for\s+(\w+)\s+in\s+range\(([-\w]+),\s*([-\w]+)\)\s*\]?\)",
        r"\1(\2, \3, \4, \5 - 1)",
    ),
    Rule(r"\bsolve\(([^,=<>!]+?)\s*=\s*([^,=<>!]+),", r"solve(\1 == \2,"),
    Rule(
        rf"\bsolve\(({_PART}),\s*([^\W\d]\w*)\s*\)", r"solve(\1, \2, 1)", "write {} to start at 1"
    ),
    Rule(
        rf"\bintegrate\(({_PART}),\s*([^\W\d]\w*)\s*\)",
        r"integrate(\1, \2, 0, 1)",
        "write {} for the integral from 0 to 1",
    ),
)
"""The notations in formulas; where several are found, all are rewritten in this order."""

VALUE_RULES = (
    Rule(rf"\b(?:(?:{MODULES}|random)\.)*(?:randn|gauss)\(", "normal("),
    Rule(rf"\b(?:(?:{MODULES}|random)\.)*rand(?:om)?\(\s*\)", "uniform(0, 1)"),
    Rule(rf"\b(?:(?:{MODULES}|random)\.)*rand\(", "uniform(0, 1, "),
    Rule(r"^\s*\[?\s*([-+.\w]*?\w)\s*\.\.+\s*([-+\w][-+.\w]*)\s*\]?\s*$", r"\1:\2"),
    Rule(r"^\s*\[\s*([^\[\]:]+(?::[^\[\]:]+){1,2})\]\s*$", r"\1"),
)
"""Those of random numbers and of ranges, in values."""
