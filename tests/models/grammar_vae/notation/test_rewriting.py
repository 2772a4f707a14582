import math
import re

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.datasets.pde import generate_pdes
from models.grammar_vae.notation.rewriting import Rewriter

PDE = load_grammar("pde")
PARSER = TextParser(PDE)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("dt(u) - 0.5*dxx(u) = 0", "dt(u) - 0.5*dxx(u)"),
        ("dt(u) = 0.1*sin(u)", "dt(u) - 0.1*sin(u)"),
        ("-dxx(u) + dt(u)", "dt(u) - dxx(u)"),
        ("-u - u_t", "u + dt(u)"),
        ("dt(u) + -0.1*dx(u)", "dt(u) - 0.1*dx(u)"),
        ("dt(u) - - u", "dt(u) + u"),
        ("u_t \u2212 u", "dt(u) - u"),
        ("dt(u) + 1e-3*u", "dt(u) + 0.001*u"),
        ("dt(u) + .5*u + 2.*u", "dt(u) + 0.5*u + 2*u"),
        ("dt(u) + 1.250u", "dt(u) + 1.250*u"),
        ("u**2 + u_t", "u^2 + dt(u)"),
        ("u² + u_t³", "u^2 + dt(u)^3"),
        ("u_t + u_{xx}", "dt(u) + dxx(u)"),
        ("u_yyxx + u_tt", "dxxyy(u) + dtt(u)"),
        ("u_t + 2u + 3 u_x", "dt(u) + 2*u + 3*dx(u)"),
        ("u_t + 2u_x^2", "dt(u) + 2*(dx(u))^2"),
        ("u_t + u*(1 - u)", "dt(u) + u - u^2"),
        ("u_t + u(1 - u)", "dt(u) + u - u^2"),
        ("u_t + u u_x + 2u^2 u_y", "dt(u) + u*dx(u) + 2*u^2*dy(u)"),
        ("u_t + dxx(2u^3 + u_xx)", "dt(u) + 2*dxx(u^3) + dxxxx(u)"),
        ("u_t - (u + 1)**2", "dt(u) - u^2 - 2*u - 1"),
        ("dx(u^2) + dt(u)", "2*u*dx(u) + dt(u)"),
        ("dx(u*dx(u)) + dt(u)", "(dx(u))^2 + u*dxx(u) + dt(u)"),
        ("u_t + dyy(u^3)*2", "dt(u) + 2*dyy(u^3)"),
        ("dx(dx(u) - 3*u) + u_t", "dxx(u) - 3*dx(u) + dt(u)"),
        ("∂u/∂t + u*∂u/∂x = ∂²u/∂x²", "dt(u) + u*dx(u) - dxx(u)"),
        ("du/dt - d^2u/dx^2 + d4u/dx2dy2", "dt(u) - dxx(u) + dxxyy(u)"),
        ("u_t + 1/4*u - u_x/2", "dt(u) + 0.25*u - 0.5*dx(u)"),
        ("u(x, t) + d_t(u(t, x)) = 3", "u + dt(u) - 3"),
        ("u_x*u + u_t", "u*dx(u) + dt(u)"),
        ("u_t + u^5", "dt(u) + u^3*u^2"),
        ("sin(u(x,t)) + u_tt", "sin(u) + dtt(u)"),
        ("u_t + (u^2/2)_x", "dt(u) + u*dx(u)"),
        ("u_t = (u^3)_{xx} + (u_x)_x", "dt(u) - dxx(u^3) - dxx(u)"),
        ("u_t = d/dx (u_x) + 2 \u00d7 (u)_y", "dt(u) - dxx(u) - 2*dy(u)"),
        ("u_t == u_xx", "dt(u) - dxx(u)"),
        ("0 = u_t - u_xx", "dt(u) - dxx(u)"),
        ("u_t = ∂²/∂x²(u^3 - u)", "dt(u) - dxx(u^3) + dxx(u)"),
    ],
)
def test_notations_are_read(text: str, rewritten: str) -> None:
    rewriter = Rewriter(PDE)
    assert rewriter.rewrite(text) == rewritten
    assert rewriter.counts.total() > 0
    PARSER.derive(rewritten)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        (" \t", "the text is empty"),
        ("dt(u) =", r"column 8: the text ends too early in 'dt\(u\) ='"),
        ("u_t + tan(u)", r"column 7: unexpected 't'"),
        ("u_t + d^2/dx(u)", r"column 7: d\^2/dx: the order above the bar is 2, below it 1"),
        ("u_t + (u^2)_q", r"column 12: unexpected '_' .*_x"),
        ("u_t + cos(u)", r"column 7: the grammar has no cos\(u\); it has .*sin\(u\)"),
        ("u_t + w", r"column 7: unexpected 'w'"),
        ("u_t + v", r"column 7: the grammar has no v;"),
        ("\\partial_t u = 0", r"unexpected '\\' in '\\partial_t u = 0': LaTeX is not read"),
        ("$u_t = u_{xx}$", r"column 1: .* LaTeX is not read: write u_xx"),
        ("u_t = D*u_xx", r"column 7: .* D has no value: write a number"),
        ("u_t = δ u_xx", r"column 7: .* δ has no value: write a number"),
        ("w_t = w_xx", r"column 1: .* w has no value: .* unknown are u and v"),
        ("u_t = x*u_x", r"column 7: .* depend on x have no word"),
        ("u_t = tanh(u)", r"column 7: .* tanh is not read: of functions sin, cos and exp"),
        ("u_t = ∇²u", r"column 7: .* write a Laplacian out, as u_xx \+ u_yy"),
        ("u_t = laplacian(u)", r"column 7: .* write a Laplacian out"),
        ("u_t = 0,5 u_xx", r"column 8: .* decimals have a point"),
        ("u'' + u = 0", r"column 2: .* write primes as u_x"),
        ("u_t = u_xx; v_t = v_xx", r"column 11: .* one equation is read"),
        ("u_t = u_xx = 0", r"column 12: .* one equals sign is read"),
        ("u_t = |u|", r"column 7: .* absolute values have no word"),
        ("u_t = u^2.5", r"column 10: .* a number has one point, a power none"),
        ("u_t + u ^ u_x", r"column 11: unexpected 'u' .* a whole number"),
        ("u_t + u_xy", r"column 7: the grammar has no dxy\(u\); it has dt\(u\)"),
        ("u_t + dx(dt(u))", r"column 7: the grammar has no dtx\(u\)"),
        ("u_t + sin(2*u)", r"column 7: sin\( \) of more than u alone"),
        ("u_t + dx(sin(u))", r"column 7: the grammar has no cos\(u\)"),
        ("u_t + u/3", r"column 9: /3 is no decimal number"),
        ("u_t + u/0", r"column 9: a division by 0"),
        ("u_t + 1e300", r"column 7: 1e300 takes 301 characters"),
        ("u_t + u^0", r"column 7: the power 0"),
        ("u_t + u^10", r"column 7: the power 10"),
        ("u_t + d2u/dx3", r"column 7: .* above the bar is 2, below it 3"),
        ("0 u_t + 0 u_x = 0", "nothing is left"),
        ("((u + u_x + 1)^9 + u_y)^9 + u_t", "more than 200 terms"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_column(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Rewriter(PDE).rewrite(text)


def test_the_place_stands_before_the_column() -> None:
    with pytest.raises(UserError, match=r"^mine\.txt, line 3, column 1: "):
        Rewriter(PDE).rewrite("tan(u)", "mine.txt, line 3")


def test_texts_of_the_grammar_stay_as_they_are() -> None:
    rewriter = Rewriter(PDE)
    texts = generate_pdes(320, 3).texts
    assert [rewriter.rewrite(text) for text in texts] == list(texts)
    assert rewriter.notes() == []


def test_each_notation_is_told_once_with_its_count() -> None:
    rewriter = Rewriter(PDE)
    for text in ("u_t + 2u + 3u", "u_t = u", "u_t + u_x = 0"):
        rewriter.rewrite(text)
    assert rewriter.notes() == [
        "`u_x` written dx(u) (3 texts)",
        "`= 0` left out (1 text)",
        "factors side by side, as `2u`, written with * (1 text)",
        "the right-hand side moved to the left (1 text)",
    ]


def test_a_grammar_of_other_texts_is_refused() -> None:
    with pytest.raises(UserError, match="`loose` is for PDEs, which the grammar equations"):
        Rewriter(load_grammar("equations"))


WIDE = load_grammar("pde_wide")


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("u_t + u_x + u u_x - u_xxt = 0", "dt(u) + dx(u) + u*dx(u) - dtxx(u)"),
        ("u_xt = sin(u)", "dtx(u) - sin(u)"),
        ("u_t + dx(u^2)", "dt(u) + dx(u^2)"),
        ("v_t = 0.01(u - 0.5v)", "dt(v) - 0.01*u + 0.005*v"),
        ("u_t + dx(sin(v))", "dt(u) + cos(v)*dx(v)"),
        ("u_t + dx(cos(u))", "dt(u) - sin(u)*dx(u)"),
        ("u_t + dx(exp(u)) + u^5 + u^6", "dt(u) + exp(u)*dx(u) + u^5 + u^5*u"),
    ],
)
def test_a_wider_grammar_takes_more(text: str, rewritten: str) -> None:
    assert Rewriter(WIDE).rewrite(text) == rewritten


# What a text means is computed a second way: by sympy, for one function u of four variables.

T, X, Y, Z = SYMBOLS = sympy.symbols("t x y z")
U = X**3 * T**2 + 2 * Y**4 * X + Z**3 * Y**2 * T + X * T * Z + 3
POINT = {T: sympy.Rational(1, 2), X: sympy.Rational(2, 3), Y: -1, Z: sympy.Rational(3, 5)}
VARIABLE = dict(zip("txyz", SYMBOLS, strict=True))
ALLOWED = ("t", "tt", "x", "y", "z", "xx", "yy", "xxx", "yyyy", "xxyy")


def derive(value: sympy.Expr, by: str) -> sympy.Expr:
    for name in by:
        value = sympy.diff(value, VARIABLE[name])
    return value


def meaning(text: str) -> float:
    """Evaluate a text of the grammar at one point."""
    code = text.replace("^", "**")
    code = re.sub(r"d([txyz]+)\(", r"D('\1', ", code)
    names = {"D": lambda by, value: derive(value, by), "u": U, "sin": sympy.sin}
    return float(sympy.sympify(eval(code, {"__builtins__": {}}, names)).subs(POINT))


Written = tuple[str, sympy.Expr]


def jets() -> st.SearchStrategy[Written]:
    def forms(by: str) -> st.SearchStrategy[Written]:
        spelled = [f"u_{by}", f"u_{{{by}}}", f"d{by}(u)", f"∂{by}(u)", f"d_{by}(u(x,t))"]
        below = "".join(f"d{name}" for name in by)
        spelled.append(f"d^{len(by)}u/{below}" if len(by) > 1 else f"du/{below}")
        return st.sampled_from(spelled).map(lambda text: (text, derive(U, by)))

    return st.sampled_from(ALLOWED).flatmap(forms) | st.just(("u", U))


NUMBERS = st.sampled_from(["2", "0.5", ".25", "1e-1", "3.0", "4."])


def products() -> st.SearchStrategy[Written]:
    def join(parts: list[Written]) -> Written:
        value = sympy.Integer(1)
        for _, one in parts:
            value *= one
        return "*".join(text for text, _ in parts), value

    plain = jets()
    raised = st.tuples(plain, st.sampled_from([("^", 2), ("**", 3), ("**", 2)])).map(
        lambda item: (f"{item[0][0]}{item[1][0]}{item[1][1]}", item[0][1] ** item[1][1])
    )
    number = NUMBERS.map(lambda text: (text, sympy.Rational(text)))
    doubled = st.tuples(NUMBERS, jets()).map(
        lambda item: (f"{item[0]} {item[1][0]}", sympy.Rational(item[0]) * item[1][1])
    )
    return st.lists(plain | raised | number | doubled, min_size=1, max_size=3).map(join)


def sums(children: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    def join(parts: list[tuple[str, Written]]) -> Written:
        text, value = "", sympy.Integer(0)
        for place, (sign, (words, one)) in enumerate(parts):
            text += f"{sign if place or sign != '+' else ''} {words} "
            value += one * (-1) ** sign.count("-")
        return text, value

    signs = st.sampled_from(["+", "-", "+ -", "--"])
    return st.lists(st.tuples(signs, children), min_size=1, max_size=3).map(join)


def grouped(children: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    wrapped = children.map(lambda item: (f"({item[0]})", item[1]))
    derived = children.map(lambda item: (f"dx({item[0]})", derive(item[1], "x")))
    return st.tuples(NUMBERS, wrapped | derived).map(
        lambda item: (f"{item[0]}*{item[1][0]}", sympy.Rational(item[0]) * item[1][1])
    )


@settings(max_examples=60, deadline=None)
@given(
    left=sums(products() | grouped(sums(products()))),
    right=sums(products()) | st.just(("0", sympy.Integer(0))),
)
def test_what_is_rewritten_means_the_same(left: Written, right: Written) -> None:
    text = f"{left[0]} = {right[0]}"
    try:
        rewritten = Rewriter(PDE).rewrite(text)
    except UserError as error:
        assert re.search("has no d|nothing is left|more than 200", str(error)), text
        return
    wanted = float((left[1] - right[1]).subs(POINT))
    found = meaning(rewritten)
    assert math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9) or math.isclose(
        found, -wanted, rel_tol=1e-9, abs_tol=1e-9
    ), (text, rewritten)
