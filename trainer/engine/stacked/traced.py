"""What a model computes, as a row of nodes: which of them are computed for all folds at once, which fold by fold.

Only what is known to draw no random numbers but dropout's, and to keep no state but its own tensors, can be stacked.
"""

import inspect
import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from trainer.models.adapt import is_adapted, renamed
from trainer.models.dropout import Dropout

Kind = Literal["linear", "relu", "dropout", "module", "function", "method", "attribute"]

NORMS = (nn.BatchNorm1d, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
ACTIVATIONS = (nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh, nn.Softplus, nn.SELU)
SHAPES = (nn.Flatten, nn.Identity, nn.LogSoftmax, nn.Softmax)
ONE_BY_ONE = frozenset((*NORMS, *ACTIVATIONS, *SHAPES, nn.Embedding))  # exactly these: a subclass may do anything
OPERATORS = (operator.getitem, operator.add, operator.sub, operator.mul, operator.truediv)
TORCH = (torch.cat, torch.flatten, torch.relu, torch.tanh, torch.sigmoid, torch.add, torch.mul)
FUNCTIONS: frozenset[Callable[..., Any]] = frozenset((*OPERATORS, *TORCH, F.relu, F.gelu, F.silu, F.log_softmax))
METHODS = frozenset(("relu", "tanh", "sigmoid", "flatten", "float", "log_softmax", "unsqueeze", "squeeze", "mean"))


class NotStackable(Exception):  # noqa: N818 no error: the folds are trained one by one
    """Why the folds of a model cannot be trained as one, in a few words."""


@dataclass(frozen=True)
class Node:
    """One thing that a model computes.

    Attributes:
        name: of the result.
        kind: how it is computed.
        target: name of the module or attribute, the function, or the method's name.
        args: values, and ``fx.Node`` where they are results.
        kwargs: likewise.
    """

    name: str
    kind: Kind
    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Traced:
    """What a model computes.

    Attributes:
        inputs: name of each input's node, by the name under which batches have it.
        nodes: in the order in which they are computed.
        output: name of the node that makes the logits.
    """

    inputs: dict[str, str]
    nodes: tuple[Node, ...]
    output: str

    def linears(self) -> list[str]:
        """Return the names of the linear layers."""
        return [str(node.target) for node in self.nodes if node.kind == "linear"]


def traced(model: nn.Module, given: Collection[str]) -> Traced:
    """Return what a model computes of these inputs.

    Args:
        model: stays as it is.
        given: names of the inputs in a batch.

    Raises:
        NotStackable: it computes something that cannot be stacked.
    """
    _require_plain(model)
    names = renamed(model, list(given)) if is_adapted(model) else list(given)
    graph = _graph(model, names)
    _leave_out_copies(graph)
    nodes = [_node(model, node) for node in graph.nodes if node.op not in ("placeholder", "output") and node.users]
    [output] = [node for node in graph.nodes if node.op == "output"]
    if not isinstance(output.args[0], fx.Node):
        raise NotStackable("the model returns more than its logits")
    called = [node.target for node in nodes if node.kind in ("linear", "module", "dropout")]
    if len(set(called)) < len(called):
        raise NotStackable("a layer is used more than once")
    places = {str(node.target): node.name for node in graph.nodes if node.op == "placeholder"}
    found = {name: places[own] for name, own in zip(given, names, strict=True)}
    outcome = Traced(found, tuple(nodes), output.args[0].name)
    if not outcome.linears():
        raise NotStackable("it has no linear layer")
    return outcome


def _require_plain(model: nn.Module) -> None:
    """Refuse what a trace would not show: hooks, and parameters that two layers share."""
    own = {id(parameter) for parameter in model.parameters()}
    every = [parameter for module in model.modules() for parameter in module.parameters(recurse=False)]
    if len(own) < len(every):
        raise NotStackable("layers share weights")
    for name, module in model.named_modules():
        hooks = [module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks]
        if any(hooks) and not (name == "" and is_adapted(model) and sum(map(len, hooks)) == 2):
            raise NotStackable(f"{type(module).__name__} has hooks")


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) is Dropout or super().is_leaf_module(m, module_qualified_name)


def _graph(model: nn.Module, names: list[str]) -> fx.Graph:
    """Trace the model with these inputs, the others as they are when nothing is given.

    Raises:
        NotStackable: it cannot be traced.
    """
    parameters = inspect.signature(model.forward).parameters
    if not set(names) <= set(parameters):
        raise NotStackable("its inputs have no names of their own")
    rest = {name: parameter.default for name, parameter in parameters.items() if name not in names}
    if any(default is inspect.Parameter.empty for default in rest.values()):
        raise NotStackable("an input is missing")
    attributes = set(vars(model))
    try:
        return _Tracer().trace(model, concrete_args=rest)
    except Exception as error:  # whatever the user's code raises when it is given stand-ins for tensors
        raise NotStackable("what it computes depends on its inputs' values or shapes") from error
    finally:
        for constant in set(vars(model)) - attributes:  # fx keeps tensors that are made on the way in the model
            delattr(model, constant)


def _leave_out_copies(graph: fx.Graph) -> None:
    """Leave out what puts a single tensor behind nothing: a table without categories."""
    for node in graph.find_nodes(op="call_function", target=torch.cat):
        given = node.args[0] if node.args else None
        if isinstance(given, (list, tuple)) and len(given) == 1 and isinstance(given[0], fx.Node):
            node.replace_all_uses_with(given[0])


def _node(model: nn.Module, node: fx.Node) -> Node:
    """Return a traced node with its kind.

    Raises:
        NotStackable: it has none.
    """
    if node.op == "call_module":
        kind = _kind(model.get_submodule(str(node.target)), node)
    elif node.op == "call_function" and node.target in FUNCTIONS and not node.kwargs.get("inplace"):
        kind = "relu" if node.target in (F.relu, torch.relu) else "function"
    elif node.op == "call_method" and node.target in METHODS:
        kind = "relu" if node.target == "relu" else "method"
    elif node.op == "get_attr" and str(node.target) in dict(model.named_parameters()):
        kind = "attribute"
    else:
        raise NotStackable(f"{_called(node)} is computed fold by fold")
    return Node(node.name, kind, node.target, node.args, dict(node.kwargs))


def _called(node: fx.Node) -> str:
    return "a tensor of its own" if node.op == "get_attr" else str(getattr(node.target, "__name__", node.target))


def _kind(module: nn.Module, node: fx.Node) -> Kind:
    """Return the kind of a layer; one that changes its input must be the only one that has it."""
    kinds: dict[type, Kind] = {nn.Linear: "linear", nn.ReLU: "relu", nn.Dropout: "dropout", Dropout: "dropout"}
    found = type(module)
    changes_input = getattr(module, "inplace", False)
    if changes_input and (found not in kinds or len(node.all_input_nodes[0].users) > 1):
        raise NotStackable(f"{found.__name__} works in place")
    options = (getattr(module, option, None) for option in ("max_norm", "sparse", "scale_grad_by_freq"))
    if found is nn.Embedding and any(options):
        raise NotStackable("an embedding has options of its own")
    if kinds.get(found) == "dropout" and module.p == 1:
        raise NotStackable("a dropout leaves nothing")
    if found in kinds:
        return kinds[found]
    if found in ONE_BY_ONE:
        return "module"
    raise NotStackable(f"{found.__name__} layers are trained fold by fold")


def last_layers(trace: Traced) -> list[Node]:
    """Return the layers that lead to the logits one after the other, from a linear one on.

    Raises:
        NotStackable: there is none.
    """
    users: dict[str, int] = {trace.output: 1}
    for node in trace.nodes:
        fx.map_arg((node.args, node.kwargs), lambda made: users.update({made.name: users.get(made.name, 0) + 1}))
    named, found, name = {node.name: node for node in trace.nodes}, list[Node](), trace.output
    while name in named and named[name].kind in ("linear", "relu", "dropout") and users[name] == 1:
        found.insert(0, named[name])
        name = named[name].args[0].name
    while found and found[0].kind != "linear":
        del found[0]
    if not found:
        raise NotStackable("its last layer is not linear")
    return found


def computed(node: Node, model: nn.Module, of: Callable[[str], Tensor]) -> Tensor:
    """Compute a node of one model.

    Args:
        node: to be computed.
        model: whose layers and parameters they are.
        of: returns the result of a node by its name.
    """
    args, kwargs = fx.map_arg((node.args, node.kwargs), lambda made: of(made.name))
    result: Tensor
    if node.kind == "attribute":
        result = model.get_parameter(node.target)
    elif node.kind in ("module", "linear", "dropout"):
        result = model.get_submodule(node.target)(*args, **kwargs)
    elif node.kind == "relu":
        result = args[0].relu()
    elif node.kind == "method":
        result = getattr(args[0], node.target)(*args[1:], **kwargs)
    else:
        result = node.target(*args, **kwargs)
    return result
