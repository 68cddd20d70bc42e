"""Real agent clients: how each is started, and what its model has to call."""

import time
from concurrent.futures import Future

import world
from model import Call


class Agent:
    """What a script knows of the client that it leads: how a tool is called there, and what it was told first."""

    # The tool that runs a command; its arguments for the command, and for the milliseconds after which the client lets go of it.
    shell_tool, command, limit = None, None, None
    # What stands before the names of the tools of `pinhole mcp`.
    prefix = None

    def __init__(self, case):
        self.case, self.first = case, None

    def shell(self, command, limit=None, **more):
        """A command in the client's shell."""
        return Call(self.shell_tool, {self.command: command} | ({self.limit: limit} if limit else {}) | more)

    def tool(self, tool, /, **arguments):
        """A tool of `pinhole mcp`."""
        return Call(self.prefix + tool, arguments)

    def client_tool(self, tool, /, **arguments):
        """A tool of the client's own."""
        return Call(tool, arguments)

    def seen(self, said):
        self.case.note(said.lines())


class Running:
    """A client that runs."""

    def __init__(self, process, actor, log):
        self.process, self.actor, self.log = process, actor, log

    def check(self):
        """It has ended well, and its script was over."""
        if self.actor.failure:
            raise self.actor.failure
        came = f"exit {self.process.returncode} {self.tail()}"
        world.expect(self.actor.over and self.process.returncode == 0, f"{self.actor.name} ends well, at the end of its script", came)

    def tail(self):
        """The last of what it has printed."""
        paths = [self.log.with_name(f"{self.log.name}.{kind}") for kind in ("err", "out")]
        return "".join(f"\n{path}: {path.read_text(errors='replace')[-600:]}" for path in paths)


def wait(*running, timeout=240):
    """Waits until all of them have ended well. The first failure ends the others."""
    end = time.monotonic() + timeout
    left = list(running)
    while left:
        for each in list(left):
            if each.process.poll() is not None:
                each.check()
                left.remove(each)
            elif each.actor.failure:
                raise each.actor.failure
        if time.monotonic() > end:
            world.expect(False, f"{[each.actor.name for each in left]} end within {timeout} s", "".join(each.tail() for each in left))
        time.sleep(0.05)


class Claude(Agent):
    """Claude Code, headless."""

    shell_tool, command, limit, prefix = "Bash", "command", "timeout", "mcp__pinhole__"
    # Without questions; those who try what is asked leave this out.
    allowed = ["--dangerously-skip-permissions"]

    @staticmethod
    def argv(_, prompt, options):
        return [world.BIN / "claude", "-p", prompt, "--output-format", "stream-json", "--verbose", *options]

    @staticmethod
    def environment(url):
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "no-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            # Root may skip permissions nowhere else. Without the last two the tools of MCP are hidden behind a search.
            "IS_SANDBOX": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "ENABLE_TOOL_SEARCH": "false",
            "MCP_CONNECTION_NONBLOCKING": "false",
        }


class Codex(Agent):
    """Codex, not interactive."""

    shell_tool, command, limit, prefix = "exec_command", "cmd", "yield_time_ms", "mcp__pinhole::"
    allowed = ["--dangerously-bypass-approvals-and-sandbox"]
    once = "request_max_retries=0, stream_max_retries=0"

    def shell(self, command, limit=50_000, **more):
        return super().shell(command, limit, **more)

    @classmethod
    def argv(cls, url, prompt, options):
        provider = f'{{name="scripted", base_url="{url}/v1", env_key="OPENAI_API_KEY", wire_api="responses", {cls.once}}}'
        # Results of tools are cut as they are for the models that it knows.
        settings = ['model="scripted"', 'model_provider="scripted"', f"model_providers.scripted={provider}"]
        settings += ["tool_output_token_limit=10000"]
        set_by = [part for each in settings for part in ("-c", each)]
        return [world.BIN / "codex", "exec", "--skip-git-repo-check", "--json", *set_by, *options, prompt]

    @staticmethod
    def environment(_):
        return {"OPENAI_API_KEY": "no-key"}


CLIENTS = {"claude": Claude, "codex": Codex}


def start(which, home, name, prompt, script, *options, **more):
    """Starts a client, set up as pinhole does it, with a model that follows the script."""
    set_up(which, home)
    agent = CLIENTS[which](home.case)
    actor, url = home.case.actor(name, script, agent)
    process = home.start(agent.argv(url, prompt, options), log=name, **agent.environment(url) | more)
    return Running(process, actor, home.case.logs / name)


def agent(which, home, name, prompt, script, *options, **more):
    """The same, of a client that may do everything."""
    return start(which, home, name, prompt, script, *CLIENTS[which].allowed, *options, **more)


def set_up(which, home):
    if not (home.path / f".{which}").exists():
        (home.path / f".{which}").mkdir()
        done = home.run(f"pinhole setup {which} --apply")
        world.expect(done.code == 0, f"`pinhole setup {which} --apply` works", done)


def later():
    """What one script waits for and another one gives: `.set_result(…)` and `told(…)`."""
    return Future()


def told(future):
    return future.result(world.PATIENCE)
