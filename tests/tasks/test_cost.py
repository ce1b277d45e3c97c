"""A bill adds up, prices what the cache saved, and says what it does not know."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count
from pathlib import Path

import pytest

from manifests.reel import Budget
from tasks.cost import Spent, bill, forecast, overrun, spent, within
from tasks.ledger import Ledger, Line, Reading, Torn, Work
from tasks.rates import Rates

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILM = Fraction(24)
_ids = count()


def line(
    stage: str = "render",
    *,
    money: float = 0.0,
    mpf: float = 0.0,
    shot: int | None = 1,
    treatment: str | None = None,
    run: str = "run-1",
    key: str = "a",
    hit: bool = False,
    failed: bool = False,
    wall_s: float = 0.0,
    at_s: float = 0.0,
    reel: str = "r1",
    currency: str = "EUR",
    device: str = "cpu",
    gpu_s: float | None = None,
) -> Line:
    """A ledger line with the figures that a test is about."""
    return Line(
        id=str(next(_ids)),
        time=NOON + timedelta(seconds=at_s),
        status="failed" if failed else "done",
        run=run,
        reel=reel,
        film="harbor",
        shot=shot,
        stage=stage,
        treatment=treatment,
        key=key * 64,
        cache_hit=hit,
        wall_s=wall_s,
        cpu_s=2 * wall_s,
        gpu_s=gpu_s,
        frames=round(mpf),
        megapixel_frames=mpf,
        money=money,
        currency=currency,
        rates="2026-11",
        host="bench-1",
        device=device,
    )


def reading(*lines: Line, unended: tuple[Line, ...] = (), torn: tuple[Torn, ...] = ()) -> Reading:
    return Reading(lines, unended, torn)


def test_every_roll_up_adds_up_to_the_total() -> None:
    ledger = reading(
        line("ingest", money=1, shot=None),
        line("examine", treatment="decay", money=2, shot=1),
        line("examine", treatment="decay", money=4, shot=2),
        line("examine", treatment="repair", money=8, shot=2, failed=True),
        line("render", money=16, shot=1, reel="r2"),
    )
    made = bill(ledger, FILM)
    assert made is not None
    assert {row.name: row.money for row in made.stages} == {
        "ingest": 1,
        "examine decay": 6,
        "examine repair": 8,
        "render": 16,
    }
    assert {row.name: row.money for row in made.shots} == {"r1 shot 1": 2, "r1 shot 2": 12, "r2 shot 1": 16}
    assert {row.name: row.money for row in made.reels} == {"r1": 15, "r2": 16}
    assert {row.name: row.money for row in made.films} == {"harbor": 31}
    assert (made.total.money, made.total.tasks, made.total.failures) == (31, 5, 1)


def test_a_bill_is_for_the_reel_or_the_run_asked_for() -> None:
    ledger = reading(line(money=1), line(money=2, reel="r2"), line(money=4, run="run-2"))
    of_reel, of_run, of_film = (
        bill(ledger, FILM, reel="r2"),
        bill(ledger, FILM, run="run-2"),
        bill(ledger, FILM, film="x"),
    )
    assert of_reel is not None
    assert of_run is not None
    assert (of_reel.total.money, of_run.total.money) == (2, 4)
    assert of_film is None


def test_a_hit_is_priced_at_what_the_work_cost_when_it_was_done() -> None:
    ledger = reading(
        line(money=5, key="a", failed=True),
        line(money=3, key="a"),
        line(money=9, key="a", stage="measure"),
        line(key="a", hit=True, run="run-2"),
        line(key="b", hit=True, run="run-2"),
    )
    second = bill(ledger, FILM, run="run-2")
    assert second is not None
    assert (second.total.tasks, second.total.hits, second.total.money) == (0, 2, 0)
    assert second.total.uncached == 3
    assert second.total.unpriced_hits == 1
    assert "1 hits of unknown price" in second.text()


def test_an_hour_of_film_at_2k_and_4k_follows_from_the_price_of_a_megapixel_frame() -> None:
    made = bill(reading(line(money=0.5, mpf=1000, wall_s=10), line(money=0.5, mpf=1000, wall_s=10, shot=2)), FILM)
    assert made is not None
    two_k, four_k = made.film_hours
    assert two_k.megapixel_frames == pytest.approx(86_400 * 2048 * 1556 / 1e6)
    assert two_k.money == pytest.approx(86_400 * 2048 * 1556 / 1e6 / 2000)
    assert two_k.cpu_hours == pytest.approx(40 / 2000 * two_k.megapixel_frames / 3600)
    assert two_k.gpu_hours is None
    assert two_k.basis == 2000
    assert (four_k.size, four_k.money) == ("4K", pytest.approx(4 * two_k.money))


def test_an_hour_of_silent_film_has_fewer_frames() -> None:
    made = bill(reading(line(money=1, mpf=1000)), Fraction(18))
    assert made is not None
    assert made.film_hours[0].megapixel_frames == pytest.approx(64_800 * 2048 * 1556 / 1e6)


def test_three_deliveries_cost_an_hour_of_film_three_times() -> None:
    def once(*keys: str) -> float:
        made = bill(reading(*(line(money=1, mpf=1000, key=key) for key in keys)), FILM)
        assert made is not None
        return made.film_hours[0].money

    assert once("a", "b", "c") == pytest.approx(3 * once("a"))


def test_a_retry_and_an_edited_setting_do_not_count_as_further_passes() -> None:
    ledger = reading(
        line(money=1, mpf=1000, key="a", failed=True),
        line(money=1, mpf=1000, key="a"),
        line(money=2, mpf=1000, key="b", run="run-2"),
    )
    made = bill(ledger, FILM)
    assert made is not None
    assert made.stages[0].passes == 1
    hour = made.film_hours[0]
    assert hour.money == pytest.approx(4 / 2000 * hour.megapixel_frames)


def test_stages_that_count_no_frames_are_named_not_guessed() -> None:
    made = bill(reading(line(money=1, mpf=100), line("package", money=7, shot=None)), FILM)
    assert made is not None
    assert made.film_hours[0].stages.keys() == {"render"}
    assert made.film_hours[0].left_out == ("package",)


def test_no_hour_of_film_is_invented_from_hits_alone() -> None:
    made = bill(reading(line(hit=True, mpf=100)), FILM)
    assert made is not None
    assert made.film_hours == ()


def test_what_is_not_known_stands_on_the_bill() -> None:
    made = bill(reading(line(money=1), unended=(line(),), torn=(Torn(Path("x.jsonl"), 4, "{"),)), FILM)
    assert made is not None
    assert (made.unended, made.torn) == (1, 1)
    assert "1 tasks without an end, 1 unreadable lines" in made.text()
    assert bill(reading(), FILM) is None


def test_gpu_seconds_are_none_only_where_no_gpu_was_used() -> None:
    made = bill(reading(line(gpu_s=4, mpf=1), line("ingest"), line(gpu_s=None, mpf=1, shot=2)), FILM)
    assert made is not None
    assert {row.name: row.gpu_s for row in made.stages} == {"render": 4, "ingest": None}


def test_two_currencies_are_not_added() -> None:
    with pytest.raises(ValueError, match="EUR and USD"):
        bill(reading(line(), line(currency="USD")), FILM)


def test_overlapping_tasks_are_counted_once_in_hours() -> None:
    hour = 3600
    lines = [
        line(money=1, wall_s=hour, at_s=hour),
        line(money=1, wall_s=hour, at_s=1.5 * hour),
        line(money=1, wall_s=0.25 * hour, at_s=0.75 * hour),
        line(money=1, wall_s=hour, at_s=4 * hour, failed=True),
        line(hit=True, at_s=9 * hour),
    ]
    assert spent(lines) == Spent(money=4, hours=2.5)
    assert spent([]) == Spent()


def test_a_budget_holds_until_spent_and_next_exceed_it() -> None:
    budget = Budget(money=10, hours=2)
    assert within(budget, Spent(money=10, hours=2))
    assert within(Budget(), Spent(money=1e9, hours=1e9))
    assert not within(budget, Spent(money=9), Spent(money=1.5))
    assert not within(budget, Spent(hours=2.1))
    said = overrun(budget, Spent(money=9), Spent(money=1.5))
    assert said == "the budget allows 10 (money); 9 is spent, and what comes next is expected to take 1.5"


def test_a_forecast_is_the_median_and_p90_of_what_the_stage_took_before() -> None:
    past = [line(money=m, wall_s=60 * m, mpf=10) for m in range(1, 12)]
    other = [line("ingest", money=99, mpf=1), line(money=99, mpf=10, failed=True), line(hit=True, mpf=10)]
    expected = forecast([*past, *other], "render", 5)
    assert expected is not None
    assert expected.lines == 11
    assert expected.median.money == pytest.approx(6 * 5 / 10)
    assert expected.p90.money == pytest.approx(10 * 5 / 10)
    assert expected.p90.hours == pytest.approx(10 * 60 * 5 / 10 / 3600)


def test_no_forecast_without_history() -> None:
    past = [line("examine", treatment="decay", money=1, mpf=1)]
    assert forecast(past, "render", 5) is None
    assert forecast(past, "examine", 5) is None
    assert forecast(past, "examine", 5, treatment="decay", device="cuda:0") is None
    assert forecast(past, "examine", 5, treatment="decay", device="cpu") is not None


def test_a_ledger_on_disk_gives_its_own_bill(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Rates(cpu_hour=3600))
    work = Work(run="run-1", reel="r1", shot=1, stage="render", key="0" * 64)
    with ledger.metered(work) as tally:
        tally.count(24, height=1556, width=2048)
    ledger.hit(work.model_copy(update={"run": "run-2"}), 24, tally.megapixel_frames)
    first, second = (bill(ledger.read(), FILM, run=run) for run in ("run-1", "run-2"))
    assert first is not None
    assert second is not None
    assert first.total.money == pytest.approx(first.total.cpu_s) == second.total.uncached
    assert first.film_hours[0].money == pytest.approx(first.total.money * 3600)
    assert second.total.money == 0
