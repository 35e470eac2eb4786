"""A picture of the upper part of a report, as a browser shows it."""

import argparse
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from support import command_line

from nsindy.runtime import files

if TYPE_CHECKING:
    from selenium import webdriver

WINDOW = (768, 6000)
"""Width and height of the window in CSS pixels: the widest that the page fills, and any height."""


def main() -> None:
    """Parse, open the page and write the picture."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = options.add_argument
    add("page", type=Path, help="report.html, as nsindy discover writes it")
    add("--figures", type=int, default=1, help="figures of the page that are kept")
    add("--width", type=int, default=1200, help="pixels of the picture")
    add("--out", type=Path, default=Path("out/report.png"), help="the picture to write")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Write the picture, whole or not at all."""
    if not options.page.is_file():
        raise ValueError(f"there is no file {options.page}; make it with nsindy discover")
    files.check_folder(options.out.parent)
    with open_browser() as browser:
        width, height = WINDOW
        size = {"width": width, "height": height, "mobile": False}
        scale = options.width / width
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": scale}
        )
        browser.get(options.page.resolve().as_uri())
        last = browser.find_elements("css selector", "figure")[options.figures - 1].rect
        png = browser.get_screenshot_as_png()
    end = round(scale * (last["y"] + last["height"]))
    kept = Image.open(io.BytesIO(png)).convert("RGB").crop((0, 0, options.width, end))
    # The page has few colours: a palette makes the file half as large.
    small = kept.quantize(256, dither=Image.Dither.NONE)
    files.write_whole(options.out, lambda path: small.save(path, optimize=True))
    print(f"wrote {options.out}")


def open_browser() -> "webdriver.Chrome":
    """Start chromium without a window."""
    try:
        from selenium import webdriver
    except ImportError as error:
        raise ValueError(f"{error}; pip install 'nsindy[bench]'") from error

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise ValueError("chromium and chromedriver are needed; install both")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


if __name__ == "__main__":
    main()
