"""Write the pages anew."""

from reference.pages import FOLDER, PAGES

for name, make in PAGES.items():
    (FOLDER / name).write_text(make(), "utf-8")
