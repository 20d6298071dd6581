"""How the names of image files end."""

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def is_image_name(name: str) -> bool:
    """Return whether a file ends like the image formats that are read.

    Example:
        >>> is_image_name("cats/1.JPG"), is_image_name("labels.csv")
        (True, False)
    """
    return name.lower().endswith(ENDINGS)
