"""What of a traceback is shown, and where it says that the error is."""

from pathlib import Path

from portable.local.tracebacks import folded, place

TRACEBACK = """Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "{here}/src/portable_runtime/server.py", line 18, in main
    app = load_app(settings.asgi_app)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/opt/lib/python3.11/importlib/__init__.py", line 126, in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
  File "{here}/src/app/main.py", line 43, in <module>
    table = connect()
  File "/x/.venv/lib/python3.13/site-packages/db/__init__.py", line 9, in connect
    raise OSError("no database")
OSError: no database""".format(here=Path.cwd())


def test_the_place_is_the_innermost_line_of_the_app():
    assert place(TRACEBACK) == "src/app/main.py, line 43"
    assert place("ValueError: no") == ""


def test_frames_of_libraries_are_counted_and_the_others_whole():
    lines = folded(TRACEBACK).splitlines()
    assert [line for line in lines if "libraries" in line] == [
        "  ... 1 frame of libraries",
        "  ... 1 frame of libraries",
        "  ... 1 frame of libraries",
    ]
    assert "    table = connect()" in lines and "    app = load_app(settings.asgi_app)" in lines
    assert not [line for line in lines if "site-packages" in line or "_gcd_import" in line]
    assert lines[-1] == "OSError: no database"
