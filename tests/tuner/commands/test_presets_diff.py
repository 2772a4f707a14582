import pytest

from tuner.cli import main


def test_the_keys_that_differ(fake_spec, capsys):
    assert main(["presets", "diff", "plain", "quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["key", "plain", "quick"],
        ["epochs", "4", "2"],
        ["lr", "0.5", "0.25"],
    ]


def test_that_nothing_differs(fake_spec, capsys):
    assert main(["presets", "diff", "plain", "plain"]) == 0
    assert capsys.readouterr().out == "plain and plain differ in no key but their description\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["plain", "quik"], "Did you mean 'quick'"),
        (["plain", "pde_reference"], "compare presets of one model"),
        (["large", "large"], "pass --model"),
    ],
)
def test_mistakes(fake_spec, capsys, flags, said):
    assert main(["presets", "diff", *flags]) == 2
    assert said in capsys.readouterr().err
