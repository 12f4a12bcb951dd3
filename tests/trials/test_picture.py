from phantomsim.trials.picture import _planes


def test_strips_are_left_out():
    assert _planes((40, 128, 128), (5.0, 2.0, 2.0)) == [0, 1, 2]
    assert _planes((2, 128, 128), (5.0, 2.0, 2.0)) == [0]
    assert _planes((64, 1, 427), (0.6, 300.0, 0.6)) == [1]  # a radiograph from the front
