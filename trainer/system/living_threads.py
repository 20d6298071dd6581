"""Threads of users' code and libraries that are alive: a forked process has none of them, and may wait for them."""

import threading

OWN = ("foldwise", "loader-watch")
IDLE = ("tqdm", "rich", "tensorboard", "ipykernel", "IPython", "execnet")  # draw, write or talk; no fold waits for them


def foreign_threads() -> list[str]:
    """Return the names of Python threads that are neither Foldwise's nor known to be waited for by nobody."""
    known = (threading.main_thread(), threading.current_thread())
    alive = [thread for thread in threading.enumerate() if thread not in known]
    return [thread.name for thread in alive if not thread.name.startswith(OWN) and _home(thread) not in IDLE]


def _home(thread: threading.Thread) -> str:
    """Return the package whose function, or else whose kind of thread, it is."""
    target = getattr(thread, "_target", None)
    module = getattr(target, "__module__", None) or type(thread).__module__
    return str(module).partition(".")[0]
