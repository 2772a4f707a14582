from tuner.cli import main


def test_the_report_is_written_and_its_verdict_printed(fake_run, capsys):
    assert main(["report", "first"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Trial 3 reached val/score 1.5000 after epoch 1")
    assert said[1].startswith(f"report: {fake_run.paths.report_file} (")
    assert fake_run.paths.report_file.is_file()


def test_the_report_goes_where_it_is_told_to(fake_run, capsys, tmp_path):
    assert main(["report", "first", "--out", "some/where.html", "--no_decoding"]) == 0
    assert "<!DOCTYPE html>" in (tmp_path / "some" / "where.html").read_text()
    assert not fake_run.paths.report_file.exists()


def test_a_place_that_takes_nothing_is_told_without_a_traceback(fake_run, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["report", "first", "--out", "file/r.html"]) == 2
    assert "file/r.html: cannot be written" in capsys.readouterr().err


def test_an_unknown_run_is_told_with_the_nearest(fake_run, capsys):
    assert main(["report", "frist"]) == 2
    assert "did you mean 'first'" in capsys.readouterr().err.lower()


def test_doctor_knows_the_files_of_a_report(fake_run, capsys):
    assert main(["report", "first"]) == 0
    fake_run.paths.showcase_file.write_text("{}")
    capsys.readouterr()
    main(["doctor", "first", "--check"])
    said = capsys.readouterr().out
    assert "report.html" not in said
    assert "showcase.json" not in said


def test_no_browser_is_said(fake_run, capsys, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert main(["report", "first", "--open"]) == 0
    assert "no browser could be opened here" in capsys.readouterr().out
