"""A family: each series is made once."""

from addons.metrics.family import Family


class Metric:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def labels(self, *labels: str) -> object:
        self.asked.append(labels)
        return object()


def test_a_series_is_made_when_it_is_first_asked_for() -> None:
    metric = Metric()
    family = Family(metric)
    assert metric.asked == []
    assert family["chat", "200"] is family["chat", "200"]
    assert family["chat", "500"] is not family["chat", "200"]
    assert metric.asked == [("chat", "200"), ("chat", "500")]
