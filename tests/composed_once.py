"""What makes a command line of the tests quick: nothing is composed twice, no file flushed, no figure rendered.

Hydra's main composes a command line twice; here once, unless it sets an option of Hydra. And what Hydra makes of the
choices of groups (``loss=focal``), three quarters of a composition, is kept for the next command line with the same
choices; values are set on a copy, as ever. Only compositions of folders that stay as they are (``UNCHANGED``) are kept.
And a configuration is copied node by node, where ``deepcopy`` takes each apart: a sixth of a small run's time.
"""

import copy
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra._internal.defaults_list import DefaultsList
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, ListConfig, Node

from tests.places import CONF

Plugins.instance()  # imports the sources anew, and what was imported of them before is not asked
FileConfigSource: Any = SourcesRegistry.instance().resolve("file")
ask = Hydra.get_mode
list_defaults = config_loader_impl.create_defaults_list
merge_defaults = ConfigLoaderImpl._compose_config_from_defaults_list
map_choices = defaults_list._create_interpolation_map
load_file = FileConfigSource.load_config
REAL_COPIES = {kind: kind.__deepcopy__ for kind in (DictConfig, ListConfig)}
UNCHANGED = {str(CONF)}  # folders of configuration that stay as they are while this process runs
NO_FOLDERS = ("hydra.conf", "")  # of the sources


MOST_KEPT = 100  # a megabyte each


@dataclass
class Kept:
    """What was composed of some choices of groups; ``merged`` once it has been asked for."""

    listed: DefaultsList
    merged: DictConfig | None = None


kept: dict[object, Kept] = {}
loaded: dict[str, ConfigResult] = {}  # files of ``conf/`` by their path in it: reading YAML is a third of a composition


def mode(hydra: Hydra, config_name: str | None, overrides: Sequence[str]) -> Any:
    """Stand for ``Hydra.get_mode``: it composes for ``hydra.mode`` alone, which is None where nobody sets it."""
    return ask(hydra, config_name, overrides) if any("hydra" in item for item in overrides) else None


def listed_once(
    repo: IConfigRepository,
    config_name: str | None,
    overrides_list: list[Override],
    prepend_hydra: bool,
    skip_missing: bool,
) -> DefaultsList:
    """Stand for ``create_defaults_list``: which files of ``conf/`` are merged, and in which order."""
    sources = tuple(source.path for source in repo.get_sources())
    if not UNCHANGED.issuperset(set(sources) - set(NO_FOLDERS)):
        return list_defaults(repo, config_name, overrides_list, prepend_hydra, skip_missing)
    sets = [sets_a_value(item, repo) for item in overrides_list]
    chosen = [item for item, value in zip(overrides_list, sets, strict=True) if not value]
    key = (sources, config_name, tuple(item.input_line for item in chosen), prepend_hydra, skip_missing)
    if key not in kept:
        listed = list_defaults(repo, config_name, chosen, prepend_hydra, skip_missing)
        if len(kept) == MOST_KEPT:
            del kept[next(iter(kept))]
        kept[key] = Kept(listed)
    kept[key] = kept.pop(key)  # the last one used is the last to go
    values = [item for item, value in zip(overrides_list, sets, strict=True) if value]
    return replace(kept[key].listed, config_overrides=values)


def choices_where_needed(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
    """Stand for ``_create_interpolation_map``, made for each file, asked where its list has ``${...}``."""
    return map_choices(overrides, defaults, self_added) if any(one.is_interpolation() for one in defaults) else None


def sets_a_value(item: Override, repo: IConfigRepository) -> bool:
    """Whether an override sets values, by the rule of Hydra's ``Overrides``, and chooses no file of a group."""
    return not item.is_sweep_override() and (isinstance(item.value(), dict) or not repo.group_exists(item.key_or_group))


def merged_once(loader: ConfigLoaderImpl, defaults: list[Any], repo: IConfigRepository) -> DictConfig:
    """Stand for ``ConfigLoaderImpl._compose_config_from_defaults_list``: what stands in these files."""
    found = next((one for one in kept.values() if one.listed.defaults is defaults), None)
    if found is None:
        return merge_defaults(loader, defaults, repo)
    if found.merged is None:
        found.merged = merge_defaults(loader, defaults, repo)
    return copy.deepcopy(found.merged)


def loaded_once(source: Any, config_path: str) -> ConfigResult:
    """Stand for ``FileConfigSource.load_config``: a file of ``conf/`` is read once, and each has a copy."""
    name = source._normalize_file_name(config_path)
    if source.path != str(CONF) or not (CONF / name).is_file():
        return load_file(source, config_path)
    if name not in loaded:
        loaded[name] = load_file(source, config_path)
    return replace(loaded[name], config=copy.deepcopy(loaded[name].config), provider=source.provider)


def with_sources_of(repository: CachingConfigRepository, delegate: Any) -> None:
    """Stand for ``CachingConfigRepository.__init__``, which copies every source: they are replaced, never altered."""
    repository.delegate = copy.copy(delegate)
    repository.cache = {}


def twin(node: Any, memo: object = None) -> Any:
    """Stand for ``__deepcopy__`` of OmegaConf's nodes: the same kind, values and flags, nothing shared but values.

    As there, the parent is retained and not copied.
    """
    there = object.__new__(type(node))
    fields = there.__dict__
    fields.update(node.__dict__, _metadata=metadata_of(node), _flags_cache=None)
    content = fields.get("_content")
    if isinstance(content, dict):
        fields["_content"] = {key: adopted(twin(one), there) for key, one in content.items()}
    elif isinstance(content, list):
        fields["_content"] = [adopted(twin(one), there) for one in content]
    elif isinstance(content, Node):
        fields["_content"] = adopted(twin(content), there)
    return there


def adopted(child: Any, parent: Any) -> Any:
    """Give a node its parent."""
    child.__dict__["_parent"] = parent
    return child


def metadata_of(node: Any) -> Any:
    """Return a copy of what OmegaConf keeps about a node."""
    there = object.__new__(type(node._metadata))
    there.__dict__.update(node._metadata.__dict__)
    there.flags = dict(there.flags or {})
    cache = there.resolver_cache
    there.resolver_cache = copy.deepcopy(cache) if cache else defaultdict(dict)
    return there


def patches() -> list[tuple[object, str, object]]:
    """Return classes, names in them and what stands there instead, in any process."""
    return [
        (Hydra, "get_mode", mode),
        (FileConfigSource, "load_config", loaded_once),
        (CachingConfigRepository, "__init__", with_sources_of),
        *[(kind, "__deepcopy__", twin) for kind in REAL_COPIES],
        (config_loader_impl, "create_defaults_list", listed_once),
        (defaults_list, "_create_interpolation_map", choices_where_needed),
        (ConfigLoaderImpl, "_compose_config_from_defaults_list", merged_once),
    ]


def not_flushed(descriptor: int) -> None:
    """Stand for ``os.fsync``, 5 ms for each file: without it the same is read, unless the machine stops."""
    os.fstat(descriptor)  # raises where it is none, as that does


def quicken() -> None:
    """Make every command line of this process quick; with ``FOLDWISE_TEST_FIGURES`` figures and files are as ever."""
    from tests import quick_runs

    for owner, name, instead in patches():
        setattr(owner, name, instead)
    if not os.environ.get("FOLDWISE_TEST_FIGURES"):
        for module, name, instead in quick_runs.patches():
            setattr(module, name, instead)
        os.fsync = not_flushed
