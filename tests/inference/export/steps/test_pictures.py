"""Runs on images, exported: the folder decodes, resizes and normalises as training did, and predicts the same."""

import numpy as np
import pytest
from PIL import Image

from tests.data.images.image_cases import class_folders, encoded, gray_png, pixels, write_files, write_zip
from tests.inference.export.alone import NEEDED, predict_alone, require_same_rows, site_with
from tests.inference.run_cases import QUICK, trained_in, write_rows
from trainer.cli.main import main
from trainer.data.preprocess.pixels import ImagePixels
from trainer.data.samples import Images
from trainer.inference.export.steps import predict_file
from trainer.inference.export.steps.pictures import Place, read_pictures
from trainer.inference.export.write import export_run
from trainer.inference.verify_export import verify_export

SMALL = ("model=image_cnn", "model.widths=[4]", *QUICK)


def odd_pictures():
    """One of each kind that training turns into plain pixels in a way of its own."""
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = np.concatenate([pixels(20, 14, seed=5), np.full((20, 14, 1), 90, np.uint8)], axis=2)
    palette = Image.fromarray(pixels(17, 23, seed=7)).convert("P")
    return {
        "new/deep.png": gray_png(16, np.arange(12 * 15).reshape(12, 15) * 300),
        "new/exif.jpg": encoded(pixels(30, 18, seed=1), "JPEG", exif=turned, quality=95),
        "new/gray.png": encoded(pixels(9, 40, channels=1, seed=2)),
        "new/clear.png": encoded(Image.fromarray(clear, "RGBA")),
        "new/palette.png": encoded(palette),
        "new/long.bmp": encoded(pixels(2, 300, seed=3), "BMP"),
        "new/page.tif": encoded(pixels(31, 31, seed=4), "TIFF"),
        "new/web.webp": encoded(pixels(25, 19, seed=6), "WEBP", lossless=True),
        ".DS_Store": b"x",
        "new/notes.txt": b"x",
    }


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_pixels_are_those_of_training(resize, channels, tmp_path):
    root = tmp_path / "pictures"
    write_files(root, odd_pictures())
    with Place(root) as place:
        names = place.names()
        facts = {"size": [11, 13], "channels": channels, "resize": resize}
        found, readable = read_pictures(place, names, facts, 0, None)
    prepared = ImagePixels([11, 13], channels, resize=resize).prepare(Images(str(root), tuple(names), ("",) * 8))
    np.testing.assert_array_equal(found, prepared.pixels_NCHW.numpy())
    assert readable == [True] * 8


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A run on a folder, normalised by each fold's own images, two views averaged."""
    folder = tmp_path_factory.mktemp("folder")
    write_files(folder / "pictures", class_folders(n=8))
    options = ("data=image_folder", f"data.path={folder}/pictures", "data.preprocess.views=[hflip,rot180]")
    run = trained_in(folder, *options, "data.preprocess.size=10", "data.preprocess.resize=crop", *SMALL)
    done = export_run(run, folder / "model")
    assert max(done.largest, done.held_out) <= 1e-5
    assert sum(check.n_rows for check in verify_export(run, folder / "model", tolerance=1e-5).folds) == 16
    return run, folder / "model"


def test_a_folder_and_a_zip_of_images_are_predicted_alone(exported, tmp_path):
    run, model = exported
    site = site_with(tmp_path / "site", (*NEEDED, "PIL"))
    write_files(tmp_path / "new", odd_pictures())
    archive = write_zip(tmp_path / "new.zip", odd_pictures(), folders=("new",))
    assert main(["predict", str(run), str(tmp_path / "new"), "-o", str(tmp_path / "run.csv")]) == 0
    done = predict_alone(site, model, str(tmp_path / "new"), "-o", str(tmp_path / "alone.csv"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")
    assert predict_file.main(model, [archive, "-o", str(tmp_path / "zip.csv"), "--batch-size", "3"]) == 0
    require_same_rows(tmp_path / "zip.csv", tmp_path / "run.csv")
    assert "numpy, pillow and onnxruntime" in (model / "README.md").read_text(encoding="utf-8")


def test_an_image_that_cannot_be_read_is_named_or_left_out(exported, tmp_path, capsys):
    run, model = exported
    write_files(tmp_path / "new", {"a.png": encoded(pixels()), "b.png": b"no image", "c.png": b""})
    new, out = str(tmp_path / "new"), tmp_path / "out.csv"
    assert predict_file.main(model, [new, "-o", str(out)]) == 3
    assert "row 2, " in (said := capsys.readouterr().err)
    assert "b.png: not a PNG, JPEG" in said
    assert not out.exists()
    assert predict_file.main(model, [new, "-o", str(out), "--skip-broken"]) == 0
    assert capsys.readouterr().err.count("no prediction for row") == 2
    assert main(["predict", str(run), new, "-o", str(tmp_path / "run.csv"), "--skip-broken"]) == 0
    assert [line.split(",")[:2] for line in out.read_text().splitlines()[2:]] == [["b.png", ""], ["c.png", ""]]
    (tmp_path / "new/a.png").write_bytes(b"no image")  # a block of nothing but such rows
    assert predict_file.main(model, [new, "-o", str(out), "--skip-broken"]) == 0


TORCHVISION = ("model=torchvision", "model.name=squeezenet1_1", "data.preprocess.size=24", *QUICK)


@pytest.mark.parametrize("small", [SMALL, pytest.param(TORCHVISION, marks=pytest.mark.battery)], ids=["own", "large"])
def test_images_that_a_table_names(small, tmp_path, capsys):
    write_files(tmp_path / "pictures", class_folders(n=6, channels=1))
    rows = [[f"{kind}{n}", f"{kind}/{n}", 3.5 * n + 20 * (kind == "dog")] for n in range(6) for kind in ("cat", "dog")]
    table = write_rows(tmp_path / "pictures/table.csv", [["key", "file", "price"], *rows])
    columns = ("data.id=key", "data.label=price", "data.task=regression", "data.suffix=.png", "loss=mse")
    run = trained_in(tmp_path, "data=image_csv", f"data.path={table}", *columns, *small)
    assert export_run(run, tmp_path / "model").largest <= 1e-4
    assert main(["predict", str(run), str(table), "-o", str(tmp_path / "run.csv")]) == 0
    assert predict_file.main(tmp_path / "model", [str(table), "-o", str(tmp_path / "alone.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")
    moved = write_rows(tmp_path / "new.csv", [["file", "key"], ["../outside", "a"]])
    options = ["-o", str(tmp_path / "out.csv"), "--images", str(tmp_path / "pictures")]
    capsys.readouterr()
    assert predict_file.main(tmp_path / "model", [str(moved), *options]) == 3
    assert "row 1 '../outside' is not below the folder of the images" in capsys.readouterr().err
    with pytest.raises(ValueError, match="neither a folder nor a zip file"):
        Place(moved)
