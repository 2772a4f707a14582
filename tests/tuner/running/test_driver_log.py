import logging

from tuner.running.driver_log import log_to_file


def test_our_messages_and_errors_of_ray_go_to_the_file(tmp_path, capsys):
    with log_to_file(tmp_path / "search.log"):
        logging.getLogger("tuner.running.recorder").info("trial 3 failed")
        logging.getLogger("ray.tune").error("an actor died")
        logging.getLogger("ray.tune").warning("slow")
    text = (tmp_path / "search.log").read_text()
    assert "INFO tuner.running.recorder: trial 3 failed" in text
    assert "ERROR ray.tune: an actor died" in text
    assert "slow" not in text
    assert capsys.readouterr() == ("", "")


def test_loggers_are_given_back(tmp_path):
    logger = logging.getLogger("ray")
    before = (logger.handlers, logger.level, logger.propagate)
    with log_to_file(tmp_path / "search.log"):
        assert logger.handlers != before[0]
    assert (logger.handlers, logger.level, logger.propagate) == before


def test_without_messages_there_is_no_file(tmp_path):
    with log_to_file(tmp_path / "search.log"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_not_reported_by_the_log(capsys):
    with log_to_file("/dev/full"):
        logging.getLogger("tuner").error("lost")
    assert capsys.readouterr().err == ""
