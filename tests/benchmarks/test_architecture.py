"""The picture of the architecture is that of the imports."""

from benchmarks.architecture import PICTURE, ROOT, places
from benchmarks.structure import House


def test_every_package_is_in_the_picture_and_every_floor_is_lower():
    house = House(ROOT)
    where = places(house.floors)
    assert [name for name in where if f">{name}<" not in PICTURE.read_text(encoding="utf-8")] == [], "make reference"
    assert [where[names[0]][1] for names in house.floors] == sorted({y for _, y in where.values()}, reverse=True)
