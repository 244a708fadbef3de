from tests.kind.images import chosen


def test_the_demo_builds_no_engine_that_stands_in() -> None:
    assert [image.tag for image in chosen(demo=True) if "standin" in image.tag] == []


def test_what_the_demo_builds_stands_on_what_it_builds() -> None:
    tags = {image.tag for image in chosen(demo=True)}
    ours = {base for image in chosen(demo=True) for base in image.bases if base.startswith("sirocco/")}
    assert ours <= tags


def test_an_image_comes_after_the_images_that_it_stands_on() -> None:
    built: set[str] = set()
    for image in chosen(demo=False):
        assert {base for base in image.bases if base.startswith("sirocco/")} <= built
        built.add(image.tag)
