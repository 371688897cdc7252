"""What other notations mean here: the words and characters of other languages, as one table.

Nothing of it is read as a formula. It is what a message suggests, so each entry has the value that
its users expect; where they expect different values, each is listed.
"""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import digit

_FUNCTIONS = """
lg(x) = log10(x)
log_10(x) = log10(x)
log₁₀(x) = log10(x)
lb(x) = log2(x)
ld(x) = log2(x)
log_2(x) = log2(x)
log₂(x) = log2(x)
exp2(x) = 2^x
exp10(x) = 10^x
sgn(x) = sign(x)
signum(x) = sign(x)
fabs(x) = abs(x)
ceiling(x) = ceil(x)
int(x) = floor(x) or trunc(x)
truncate(x) = trunc(x)
fix(x) = trunc(x)
fract(x) = x - floor(x)
round(x, n) = round(x*10^n)/10^n
fmod(x, y) = sign(x)*mod(abs(x), abs(y))
rem(x, y) = sign(x)*mod(abs(x), abs(y))
modulo(x, y) = mod(x, y)
pow(a, b) = a^b
power(a, b) = a^b
sqr(x) = x^2
square(x) = x^2
cube(x) = x^3
root(x, n) = x^(1/n)
nthroot(x, n) = x^(1/n)
tg(x) = tan(x)
arctg(x) = atan(x)
arcsin(x) = asin(x)
arccos(x) = acos(x)
arctan(x) = atan(x)
arctan2(y, x) = atan2(y, x)
atan(y, x) = atan2(y, x)
arcsinh(x) = asinh(x)
arccosh(x) = acosh(x)
arctanh(x) = atanh(x)
arsinh(x) = asinh(x)
arcosh(x) = acosh(x)
artanh(x) = atanh(x)
ctg(x) = cot(x)
cotg(x) = cot(x)
cotan(x) = cot(x)
cosec(x) = csc(x)
coth(x) = 1/tanh(x)
sech(x) = 1/cosh(x)
csch(x) = 1/sinh(x)
acot(x) = atan(1/x) or pi/2 - atan(x)
arccot(x) = atan(1/x) or pi/2 - atan(x)
asec(x) = acos(1/x)
arcsec(x) = acos(1/x)
acsc(x) = asin(1/x)
arccsc(x) = asin(1/x)
acoth(x) = atanh(1/x)
asech(x) = acosh(1/x)
acsch(x) = asinh(1/x)
sind(x) = sin(radians(x))
cosd(x) = cos(radians(x))
tand(x) = tan(radians(x))
rad2deg(x) = degrees(x)
deg2rad(x) = radians(x)
ncr(n, k) = nCr(n, k)
comb(n, k) = nCr(n, k)
choose(n, k) = nCr(n, k)
C(n, k) = nCr(n, k)
binom(n, k) = nCr(n, k)
binomial(n, k) = nCr(n, k)
npr(n, k) = nPr(n, k)
perm(n, k) = nPr(n, k)
P(n, k) = nPr(n, k)
fact(n) = n!
j0(x) = besselj(0, x)
j1(x) = besselj(1, x)
y0(x) = bessely(0, x)
y1(x) = bessely(1, x)
tgamma(x) = gamma(x)
gammaln(x) = lgamma(x)
lngamma(x) = lgamma(x)
loggamma(x) = lgamma(x)
psi(x) = digamma(x)
logit(x) = log(x/(1 - x))
expit(x) = sigmoid(x)
normcdf(x) = erfc(-x/sqrt(2))/2
normpdf(x) = exp(-x^2/2)/sqrt(2*pi)
Phi(x) = erfc(-x/sqrt(2))/2
pnorm(x) = erfc(-x/sqrt(2))/2
dnorm(x) = exp(-x^2/2)/sqrt(2*pi)
heaviside(x) = where(x > 0, 1, 0)
if(c, a, b) = where(c, a, b)
iff(c, a, b) = where(c, a, b)
iif(c, a, b) = where(c, a, b)
iff(c, a, b) = where(c, a, b)
ifelse(c, a, b) = where(c, a, b)
clamp(x, a, b) = clip(x, a, b)
average(x) = mean(x)
avg(x) = mean(x)
product(x) = prod(x)
count(x) = len(x)
length(x) = len(x)
size(x) = len(x)
array(x) = x
tensor(x) = x
float(x) = x
mse_loss(x, y) = mse(x, y)
rms(x) = sqrt(mean(x^2))
amax(x) = max(x)
amin(x) = min(x)
maximum(x, y) = max(x, y)
minimum(x, y) = min(x, y)
argmin(x) = argmax(-x)
stdev(x) = std(x)*sqrt(len(x)/(len(x) - 1))
variance(x) = var(x)*len(x)/(len(x) - 1) or var(x)
"""
"""A line for each name and number of arguments: the call, and what it is in our own language."""

DERIVATIVE = "derivatives come from the command gradcli grad"
_INTEGRAL = "an integral is written integrate(x^2, x, 0, 1)"
_ROOT = "an equation is solved by solve(cos(x) == x, x, 1)"
_MINIMUM = "a minimum comes from the command gradcli minimize"
_RANDOM = "random numbers are values of names: w=uniform(0, 1, 3)"

_ALGEBRA = "no command rearranges a formula: gradcli eval has its value, gradcli grad derivatives"
_OTHERS = "gradcli help functions lists those that there are"

ABSENT: dict[str, str] = {
    **dict.fromkeys(
        [
            "percentile",
            "mode",
            "sort",
            "det",
            "inv",
            "eig",
            "poly",
            "cross",
            "outer",
            "prime",
            "isprime",
            "nextprime",
        ],
        _OTHERS,
    ),
    **dict.fromkeys(["simplify", "expand", "factor", "collect"], _ALGEBRA),
    "limit": "no limit is taken; a value close to it is often enough, x=1e-8",
    "plot": "a plot comes from the command gradcli eval with a range, x=-5:5:0.1 --plot -",
    "derivative": DERIVATIVE,
    "deriv": DERIVATIVE,
    "differentiate": DERIVATIVE,
    "grad": DERIVATIVE,
    "gradient": DERIVATIVE,
    "hessian": "second derivatives come from the command gradcli grad with --hessian",
    "integral": _INTEGRAL,
    "quad": _INTEGRAL,
    "nsolve": _ROOT,
    "roots": _ROOT,
    "fsolve": _ROOT,
    "minimize": _MINIMUM,
    "minimise": _MINIMUM,
    "rand": _RANDOM,
    "randn": _RANDOM,
    "random": _RANDOM,
}
"""Functions of other programs that no formula stands for, and what to say."""

DERIVATIVES = {name for name, words in ABSENT.items() if words is DERIVATIVE}

INVERSES = {
    "sin": "asin",
    "cos": "acos",
    "tan": "atan",
    "sinh": "asinh",
    "cosh": "acosh",
    "tanh": "atanh",
    "exp": "log",
}
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

CONSTANTS = {
    "PI": "pi",
    "Pi": "pi",
    "TAU": "tau",
    "Tau": "tau",
    "true": "1",
    "True": "1",
    "false": "0",
    "False": "0",
}
"""Free names that are meant as constants."""

NOT_FINITE = {"inf", "Inf", "INF", "infinity", "Infinity", "nan", "NaN", "NAN"}
"""Free names that are meant as values of binary64 that a formula does not have."""
NO_INFINITY = "there is no infinity in a formula, and no nan; take a large number such as 1e300"

OPERATORS = {
    "∙": "*",
    "⋅": "*",
    "∗": "*",
    "⁄": "/",
    "∕": "/",
    "–": "-",
    "—": "-",
    "⩽": "<=",
    "⩾": ">=",
    "∧": " and ",
    "∨": " or ",
    "&": " and ",
    "|": " or ",
}
"""Characters between two operands, and the operator that each means."""

PREFIXES = {"√": "sqrt(x)", "∛": "cbrt(x)", "∜": "x^(1/4)", "¬": "(not x)"}
"""Characters before an operand x, and the formula that each means."""

FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8"}

WORDS = {
    "∞": NO_INFINITY,
    "∑": "a sum is written sum(k^2, k, 1, 10)",
    "∏": "a product is written prod(k, k, 1, 10)",
    "∂": DERIVATIVE,
    "∫": _INTEGRAL,
    '"': "a formula has no strings",
    "'": f"a formula has no strings; {DERIVATIVE}",
    "`": "a formula has no strings",
    "\\": "functions are written by name: sqrt(x), sin(x)",
    "µ": "the Greek mu is the character μ",
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
        name, _, inside = head.rstrip(")").partition("(")
        parameters = tuple(inside.split(", "))
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


def absent(name: str) -> str | None:
    """Return what to say about a function that no formula stands for; None for others."""
    return ABSENT.get(name) or ABSENT.get(name.lower())


def is_known(name: str) -> bool:
    """Return whether a name is a function of another language, with any number of arguments."""
    return absent(name) is not None or any(
        {name, name.lower()} & {known} for known, _ in meanings()
    )
