"""Every picture in docs/pictures shows what is there now, is used by a page, and says what it is."""

import json
import re

import pytest
from blocks import pages
from drawn import FOLDER, MANIFEST, PICTURES, ROOT, digest, panel_titles

RENEW = "make pictures NAMES={}"
MOST_BYTES = 4_000_000
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def images():
    """The alt texts of every picture that a page shows, by its address."""
    found = [image for page in pages() for image in _IMAGE.findall((ROOT / page).read_text("utf-8"))]
    return {target: [alt for alt, other in found if other == target] for _, target in found}


IMAGES = images()


def manifest():
    return json.loads(MANIFEST.read_text("utf-8"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_it_is_not_older_than_what_it_shows(picture):
    kept = manifest()[picture.name]
    assert (kept["shows"], kept["digest"]) == (picture.shows, digest(picture)), RENEW.format(picture.name)


@pytest.mark.parametrize("picture", [one for one in PICTURES if one.board], ids=lambda picture: picture.name)
def test_its_panels_are_the_boards(picture):
    drawn = manifest()[picture.name]["panels"]
    assert drawn
    assert set(drawn) <= set(panel_titles(picture.board)), RENEW.format(picture.name)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_page_shows_it_and_says_what_it_is_and_of_which_program(picture):
    program = manifest()[picture.name]["program"]
    shown = f"pictures/{picture.name}.png"
    alts = [alt for target, each in IMAGES.items() if target.endswith(shown) for alt in each]
    assert alts, f"no page shows docs/pictures/{picture.name}.png"
    for alt in alts:
        assert alt.startswith(picture.shows), alt
        assert program in alt, alt


def test_every_board_has_one():
    uids = {json.loads(path.read_text("utf-8"))["uid"] for path in (ROOT / "dashboards/json").glob("*.json")}
    assert {picture.board for picture in PICTURES} - {""} == uids


def test_there_are_no_others_and_they_are_small():
    files = list(FOLDER.glob("*.png"))
    assert {path.stem for path in files} == {picture.name for picture in PICTURES} == manifest().keys()
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
