"""placeholder"""


def profile_start(experiment, console):
    return {}
