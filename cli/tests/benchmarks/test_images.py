"""The Dockerfiles that are compared."""

from benchmarks.images import TUTORIAL, base, images, on_base


def test_the_servers_image_is_moved_to_our_base():
    before = (TUTORIAL / "server.Dockerfile").read_text()
    first, rest = before.split("\n", 1)
    assert first.startswith("FROM ")
    assert on_base(before, "base:1") == f"FROM base:1\n{rest}"


def test_the_functions_image_gets_the_folder_that_its_own_base_names():
    moved = on_base((TUTORIAL / "lambda.Dockerfile").read_text(), "base:1")
    assert moved.splitlines()[:2] == ["FROM base:1", "ENV LAMBDA_TASK_ROOT=/var/task"]


def test_every_image_has_what_it_is_built_from(tmp_path):
    found = images(tmp_path)
    assert [image.name for image in found if image.name.startswith("ours")] == ["ours"]
    for image in found:
        dockerfile = (image.folder / "Dockerfile").read_text()
        assert base() in dockerfile or "${PYTHON_IMAGE}" in dockerfile
        before = (image.folder / image.code).read_text()
        image.change_code()
        assert (image.folder / image.code).read_text().startswith(before)
