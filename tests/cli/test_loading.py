"""`--app` and `--store`: what they may be, and what is said where they are not."""

import asyncio
import json

import pytest

from langgraph_runner.engine import RunEngine

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize("app", ["shop:shop", "shop:everything", "shop:engine"])
def test_an_app_is_workflows_or_an_engine_or_makes_one(cli, app):
    """An engine of its own has a database of its own."""
    assert cli("run", "shop.v1", "--app", app).code == 0
    assert (cli.folder / "own.db").exists() == (app == "shop:engine")
    assert (cli.folder / "runs.db").exists() == (app != "shop:engine")


def test_an_engine_that_a_module_makes_when_imported_works(cli):
    """It was made outside any event loop."""
    (cli.folder / "made.py").write_text("import shop\nengine = shop.engine()\n")
    assert cli("run", "shop.v1", "--app", "made:engine").code == 0


def test_the_database_is_that_of_the_option_then_of_the_environment(cli):
    """Else `runs.db` in this folder."""
    env = {"LANGGRAPH_RUNNER_STORE": "sqlite:///env.db"}
    cli("run", "shop.v1", env=env)
    cli("run", "shop.v1", "--store", "sqlite:///given.db", env=env)
    assert sorted(path.name for path in cli.folder.glob("*.db")) == ["env.db", "given.db"]


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("shop", "'shop' is not module:attribute, such as campaign:engine."),
        (":engine", "':engine' is not module:attribute"),
        ("shoq:engine", "there is no module 'shoq'. Did you mean 'shop'?"),
        ("zzzzzz:engine", "there is no module 'zzzzzz'. It is looked for in "),
        ("shop:engin", "shop has no attribute 'engin'. Did you mean 'engine'?"),
        ("shop:zzzzzz", "shop has no attribute 'zzzzzz'. It has: broken, engine, everything, shop."),
        ("shop.py:engine", "'shop.py' is no module. Did you mean 'shop:engine'?"),
        ("./stores/shop:engine", "'./stores/shop' is no module. Did you mean 'stores.shop:engine'?"),
        ("../beside/shop:engine", "'../beside/shop' is no module. Give 'shop:engine' in the folder /"),
        ("../nowhere:engine", "'../nowhere' is no module. Give its name as Python imports it"),
        (".shop:engine", "'.shop' is no module. Give its name as Python imports it"),
        ("shop:number", "shop:number is an int, not a RunEngine"),
        ("shop:later", "shop:later is a coroutine function; give a plain function."),
        ("shop:broken", "shop:broken failed: KeyError: 'no key' (shop.py, line "),
        (
            "shop:theme",
            "needs arguments (brand), as a step does; give the workflow or the engine of its module. It has: br",
        ),
        (
            "shop:media",
            "shop:media needs arguments (budget, fails, hangs, ctx), as a step does",
        ),
        ("lonely:x", "lonely:x needs arguments (a, b), as a step does"),
        ("lonely:free", "lonely:free is a dict, not a RunEngine"),
        ("lonely:builtin", "lonely:builtin is a bool, not a RunEngine"),
        ("raising:x", "raising cannot be imported: ZeroDivisionError: division by zero (raising.py, line 2)"),
        (
            "needing:x",
            "needing cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be' (needing",
        ),
        ("odd:x", "odd cannot be imported: SyntaxError: "),
        ("mixed:x", "mixed:x is a list with an int"),
        ("blocking:x", "Give a RunEngine: it blocks nobody here."),
    ],
)
def test_an_app_that_is_none_is_told_in_one_line(cli, app, problem):
    """With what was meant, or where it broke."""
    files = {
        "raising": "\n1 / 0",
        "needing": "import nowhere_to_be",
        "odd": "def x(:",
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
    assert done.err.startswith("Error: --app: ")
    assert problem in done.err
    assert done.err.count("\n") == 1


def test_a_workflow_that_cannot_run_is_told_with_all_its_problems(cli):
    """It is the definition that is wrong, not the option."""
    (cli.folder / "circle.py").write_text(
        "from langgraph_runner.workflow import Workflow\nx = Workflow('w')\n"
        "@x.step\ndef a(b): ...\n@x.step\ndef b(a): ...\n"
    )
    done = cli("workflows", "--app", "circle:x")
    assert (done.code, "wait for each other in a circle" in done.err) == (4, True)


@pytest.mark.parametrize(
    ("app", "meant"),
    [("shopp:x", "shop"), ("stors.main:x", "stores.main"), ("stores.sub.mein:x", "stores.sub.main")],
)
def test_a_module_with_a_typing_error_is_guessed(cli, app, meant):
    """In packages, too."""
    (cli.folder / "stores" / "sub").mkdir(parents=True)
    for name in ("__init__.py", "main.py", "sub/__init__.py", "sub/main.py"):
        (cli.folder / "stores" / name).touch()
    assert cli("workflows", "--app", app).err == (
        f"Error: --app: there is no module '{app.removesuffix(':x')}'. Did you mean '{meant}'?\n"
    )


@pytest.mark.parametrize("app", ["wrong:x", "wrong_maker:make"])
def test_a_workflow_that_cannot_even_be_made_has_its_own_code(cli, app):
    """When its module is imported, or when its function is called; it names the workflow."""
    text = "from langgraph_runner.workflow import Workflow\nfrom langgraph_runner.engine import RunEngine\n"
    made = "RunEngine([Workflow('no id')], store='sqlite://')"
    (cli.folder / "wrong.py").write_text(f"{text}x = {made}\n")
    (cli.folder / "wrong_maker.py").write_text(f"{text}def make():\n    return {made}\n")
    done = cli("workflows", "--app", app, "--json")
    assert (done.code, json.loads(done.err)["code"], "no id" in done.err) == (4, "WORKFLOW_INVALID", True)


def test_no_app_is_told_where_one_is_needed(cli):
    """With both ways to say it."""
    done = cli("run", "shop.v1", env={"LANGGRAPH_RUNNER_APP": None})
    assert (done.code, "--app module:attribute, or the variable LANGGRAPH_RUNNER_APP" in done.err) == (
        2,
        True,
    )


def test_a_store_beside_an_engine_is_refused(cli):
    """It would be left out of account in silence; that of the environment may be meant for others."""
    done = cli("run", "shop.v1", "--app", "shop:engine", "--store", "sqlite:///x.db")
    assert (done.code, "an engine with a database of its own" in done.err) == (2, True)
    env = {"LANGGRAPH_RUNNER_STORE": "sqlite:///x.db"}
    assert cli("run", "shop.v1", "--app", "shop:engine", env=env).code == 0


def test_a_command_leaves_other_runs_alone(cli):
    """One that looks runs nothing, one that runs something runs only that."""
    waiting = cli.run("--detach")
    cli("status", "last")
    cli.run("--set", "budget=3")
    assert cli("status", waiting["id"], "--json").json["status"] == "pending"


def test_a_run_of_somebody_else_is_told_to_stop(cli):
    """It ends when they hear of it."""

    async def scenario():
        import importlib

        shop = importlib.import_module("shop").shop
        async with RunEngine([shop], store="sqlite:///runs.db") as engine:
            run = await engine.trigger("shop.v1", {"hangs": True})
            done = await asyncio.to_thread(cli, "cancel", run.id, env={"LANGGRAPH_RUNNER_APP": None})
            engine._worker.cancel(run.id, "heard")
            return done, await engine.wait(run.id, timeout_ms=20_000)

    (cli.folder / "__init__.py").touch()
    import sys

    sys.path.insert(0, str(cli.folder))
    done, ended = asyncio.run(scenario())
    assert (done.code, "Asked run " in done.out) == (0, True)
    assert ended.status == "cancelled"
