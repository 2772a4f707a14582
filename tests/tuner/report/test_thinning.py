from tuner.report.thinning import plain_domain, some, some_words, thin_curve


def test_a_long_curve_keeps_its_ends():
    thin = thin_curve(range(1000), 60)
    assert len(thin) == 60
    assert (thin[0], thin[-1]) == (0, 999)
    assert thin_curve([1, 2, 3], 60) == [1, 2, 3]


def test_the_best_are_kept_and_the_order_stays():
    kept = some(list(range(500)), 50, 20)
    assert kept[:20] == list(range(20))
    assert kept == sorted(set(kept))
    assert len(kept) == 50
    assert some([3, 1], 50, 20) == [3, 1]
    assert some_words(50, 500, 20).startswith("Drawn are 50 of 500 trials: the best 20")
    assert some_words(5, 5, 20) == ""


def test_only_values_that_would_hide_the_others_are_cut_off():
    loss = [1.0, 1.1, 1.2, 1.3, 1.4, 900.0]
    low, high = plain_domain(loss, worse_low=False)
    assert low == 1.0
    assert 1.4 < high < 5
    mirrored = plain_domain([-value for value in loss], worse_low=True)
    assert mirrored == (-high, -low)
    # What is far better than the rest is what one looks for.
    assert plain_domain(loss, worse_low=True) is None
    assert plain_domain(loss[:5], worse_low=False) is None
    assert plain_domain([1.0, 9e9], worse_low=False) is None
