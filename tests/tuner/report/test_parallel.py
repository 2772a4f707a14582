from tuner.report.material import read_material
from tuner.report.parallel import common, parallel_section


def test_what_the_best_have_in_common_is_found(run_of_64):
    found = {one.name: one for one in common(read_material(run_of_64))}
    assert list(found) == ["beta"]  # which decides
    assert found["beta"].low < found["beta"].high < 0.01


def test_random_values_have_nothing_in_common(hand_made):
    run = hand_made()
    for number in range(40):
        run.trial([(number * 17) % 40], params={"lr": 0.1 + 0.9 * ((number * 7) % 40) / 40})
    assert common(run.material) == []
    assert "no closer together" in parallel_section(run.material).words[0]


def test_every_trial_is_a_line_through_all_keys(run_of_64):
    material = read_material(run_of_64)
    data = parallel_section(material).figures[0].data["parallel"]
    num_keys = 11 + 1  # four kernels, and the value
    assert len(data["trial"]) == num_keys * len(material.valued)
    for key, place, text in zip(data["key"], data["place"], data["text"], strict=True):
        assert (place == -0.08) == (text == "not active")
        assert key == "val/seq_acc" or 0 <= place <= 1 or place == -0.08
