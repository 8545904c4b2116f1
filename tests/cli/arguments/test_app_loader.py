"""`--app` and `--store`: what they may be, and the errors of what they may not be."""

import json

import pytest

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize("app", ["shop:shop", "shop:everything", "shop:engine"])
def test_an_app_is_workflows_or_an_engine_or_a_factory(cli, app):
    """An engine uses its own database; workflows use that of the command line."""
    assert cli("run", "shop.v1", "--app", app).code == 0
    assert (cli.folder / "own.db").exists() == (app == "shop:engine")
    assert (cli.folder / "runs.db").exists() == (app != "shop:engine")


def test_an_engine_may_be_made_at_import(cli):
    """The engine was made outside any event loop."""
    (cli.folder / "made.py").write_text("import shop\nengine = shop.engine()\n")
    assert cli("run", "shop.v1", "--app", "made:engine").code == 0


def test_the_option_wins_over_the_environment(cli):
    """The database is that of `--store`, then of the variable, then `runs.db`."""
    env = {"LANGGRAPH_RUNNER_STORE": "sqlite:///env.db"}
    cli("run", "shop.v1", env=env)
    cli("run", "shop.v1", "--store", "sqlite:///given.db", env=env)
    assert sorted(path.name for path in cli.folder.glob("*.db")) == ["env.db", "given.db"]


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("shop", "--app must be module:attribute, such as campaign:engine, got 'shop'."),
        (":engine", "--app must be module:attribute, such as campaign:engine, got ':engine'."),
        ("shoq:engine", "there is no module 'shoq'. Did you mean 'shop'?"),
        ("zzzzzz:engine", "there is no module 'zzzzzz'. /"),
        ("shop:engin", "shop has no attribute 'engin'. Did you mean 'engine'?"),
        ("shop:zzzzzz", "shop has no attribute 'zzzzzz'. It has: broken, engine, everything, shop."),
        ("shop.py:engine", "'shop.py' is not the name of a module. Did you mean 'shop:engine'?"),
        (
            "./stores/shop:engine",
            "'./stores/shop' is not the name of a module. Did you mean 'stores.shop:engine'?",
        ),
        (
            "../beside/shop:engine",
            "'../beside/shop' is not the name of a module. Give 'shop:engine' in the folder /",
        ),
        ("../nowhere:engine", "'../nowhere' is not the name of a module. Give the name that Python imports"),
        (".shop:engine", "'.shop' is not the name of a module. Give the name that Python imports"),
        (
            "shop:number",
            "--app must be a RunEngine, a function that returns one, or workflows, got an int (shop:number).",
        ),
        ("shop:later", "shop:later is a coroutine function; give a plain function."),
        ("shop:broken", "shop:broken failed: KeyError: 'no key' (shop.py, line "),
        (
            "shop:theme",
            "needs arguments (brand). If it is a step, give its workflow or engine instead. It has: br",
        ),
        (
            "shop:media",
            "shop:media needs arguments (budget, fails, hangs, ctx). If it is a step",
        ),
        ("lonely:x", "lonely:x needs arguments (a, b). If it is a step"),
        ("lonely:free", "workflows, got a dict (lonely:free)."),
        ("lonely:builtin", "workflows, got a bool (lonely:builtin)."),
        ("raising:x", "raising cannot be imported: ZeroDivisionError: division by zero (raising.py, line 2)"),
        (
            "needing:x",
            "needing cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be' (needing",
        ),
        ("odd:x", "odd cannot be imported: SyntaxError: "),
        (
            "telling:x",
            "telling cannot be imported: ValueError: no database postgresql://bob:[REDACTED]@db/x (tell",
        ),
        ("mixed:x", "workflows, got a list with an int (mixed:x)."),
        ("blocking:x", "Give a RunEngine: the command line has its own event loop."),
    ],
)
def test_an_invalid_app_is_refused_in_one_line(cli, app, problem):
    """The message suggests a fix, or names the line that raised."""
    files = {
        "raising": "\n1 / 0",
        "needing": "import nowhere_to_be",
        "odd": "def x(:",
        "telling": "raise ValueError('no database postgresql://bob:hunter2x@db/x')",
        "lonely": "def x(a, *more, b, c=1): ...\ndef free(a=1, *more, **others): return {}\nbuiltin = bool",
        "mixed": "from shop import shop\nx = [shop, 3]",
        "blocking": "import shop\nfrom langgraph_runner.engine import RunEngine\n"
        "x = RunEngine.sync([], store='sqlite://')\nimport atexit",
    }
    for name, text in files.items():
        (cli.folder / f"{name}.py").write_text(text)
    for folder in ("stores", "../beside"):
        (cli.folder / folder).mkdir(exist_ok=True)
        (cli.folder / folder / "shop.py").touch()
    done = cli("run", "shop.v1", "--app", app)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: --app")
    assert problem in done.err
    assert done.err.count("\n") == 1


def test_an_invalid_workflow_is_refused_as_a_workflow(cli):
    """The definition is wrong, not the option."""
    (cli.folder / "circle.py").write_text(
        "from langgraph_runner.workflow import Workflow\nx = Workflow('w')\n"
        "@x.step\ndef a(b): ...\n@x.step\ndef b(a): ...\n"
    )
    done = cli("workflows", "--app", "circle:x")
    assert (done.code, "wait for each other in a cycle" in done.err) == (4, True)


@pytest.mark.parametrize(
    ("app", "meant"),
    [("shopp:x", "shop"), ("stors.main:x", "stores.main"), ("stores.sub.mein:x", "stores.sub.main")],
)
def test_a_misspelled_module_gets_a_suggestion(cli, app, meant):
    """Modules in packages, too."""
    (cli.folder / "stores" / "sub").mkdir(parents=True)
    for name in ("__init__.py", "main.py", "sub/__init__.py", "sub/main.py"):
        (cli.folder / "stores" / name).touch()
    assert cli("workflows", "--app", app).err == (
        f"Error: --app: there is no module '{app.removesuffix(':x')}'. Did you mean '{meant}'?\n"
    )


@pytest.mark.parametrize("app", ["wrong:x", "wrong_maker:make"])
def test_a_workflow_with_an_invalid_id_has_the_code_of_a_workflow(cli, app):
    """It is raised at import, or by a factory; the message names the workflow."""
    text = "from langgraph_runner.workflow import Workflow\nfrom langgraph_runner.engine import RunEngine\n"
    made = "RunEngine([Workflow('no id')], store='sqlite://')"
    (cli.folder / "wrong.py").write_text(f"{text}x = {made}\n")
    (cli.folder / "wrong_maker.py").write_text(f"{text}def make():\n    return {made}\n")
    done = cli("workflows", "--app", app, "--json")
    assert (done.code, json.loads(done.err)["code"], "no id" in done.err) == (4, "WORKFLOW_INVALID", True)


def test_a_missing_app_is_refused(cli):
    """The message names the option and the variable."""
    done = cli("run", "shop.v1", env={"LANGGRAPH_RUNNER_APP": None})
    assert (done.code, "use --app module:attribute, or set LANGGRAPH_RUNNER_APP" in done.err) == (
        2,
        True,
    )


def test_store_and_an_engine_are_refused_together(cli):
    """The variable is not refused: other commands may use it."""
    done = cli("run", "shop.v1", "--app", "shop:engine", "--store", "sqlite:///x.db")
    assert (done.code, "an engine with its own database" in done.err) == (2, True)
    env = {"LANGGRAPH_RUNNER_STORE": "sqlite:///x.db"}
    assert cli("run", "shop.v1", "--app", "shop:engine", env=env).code == 0
