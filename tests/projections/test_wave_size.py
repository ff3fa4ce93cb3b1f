"""How much a projector folds at one go."""

from fuseline.projections.reading import WaveSize


def work_off(size: WaveSize, waiting: dict[str, int]) -> int:
    """Folds what waits, as a projector does; returns how many times an agent was stored."""
    stored = 0
    while waiting:
        agents = list(waiting)[: size.agents]
        each, folded = size.each(len(agents)), 0
        for agent in agents:
            left = waiting.pop(agent)
            folded += min(left, each)
            if left > each:
                waiting[agent] = left - each
        size.learn(len(agents), sum(agent in waiting for agent in agents), folded)
        stored += len(agents)
    return stored


def test_many_agents_with_little_each_are_folded_together() -> None:
    size = WaveSize(20_000)
    assert work_off(size, {f"a{n}": 10 for n in range(5000)}) == 5000
    assert size.agents == 500


def test_agents_with_much_that_waits_are_stored_seldom() -> None:
    backlog = {f"a{n}": 102 for n in range(10_000)}
    assert work_off(WaveSize(20_000), backlog) < 11_500  # by 40 events at a time it were 30,000


def test_after_a_backlog_waves_grow_again() -> None:
    size = WaveSize(20_000)
    work_off(size, {f"a{n}": 1000 for n in range(1000)})
    assert size.agents < 500
    for _ in range(3):
        work_off(size, {f"a{n}": 1 for n in range(600)})
    assert size.agents == 500


def test_a_wave_of_few_agents_takes_about_as_many_events_as_one_of_many() -> None:
    size = WaveSize(20_000)
    assert size.each(1) == 20_000
    assert size.each(500) == 40
    assert WaveSize(10).each(500) == 20  # less is not worth storing
