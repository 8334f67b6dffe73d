"""A request to Anthropic, made of a body by OpenAI's names.

Tools, the wanted form of the answer, thinking and sampling depend on one another
there, so they are decided in this order: what form the answer must have, which tools
there are and whether one must be called, whether the model may think, and last what is
left of the sampling parameters. What has to give way is named.

JSON is promised in one of two ways. A schema the provider can be held to is sent as it
is. Any other, and JSON without a schema, becomes a tool that must be called: its input
is the answer, and the answer's reader turns it back into text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from addons.providers.anthropic_models import Family, family_of
from addons.providers.anthropic_schema import fitted_schema
from addons.providers.anthropic_turns import Conversation, conversation
from addons.wire.checks import wrong_value
from addons.wire.errors import BadParameter
from addons.wire.openai import ChatAsk

# A request without a limit is refused there; who gives none gets what 3.5 could say.
OUTPUT_TOKENS = 8192
ANSWER_TOOL = "autolist_json_answer"
ANSWER_TEXT = "Gives the whole answer, as JSON, with the keys that were asked for."
STRICT = "tools[].function.strict"
STRICT_TOOLS_MAX = 20
# With these a model does not think at all.
NO_EFFORT = (None, "none", "minimal")
# While it thinks only this much of sampling may be asked for.
THINKING_TOP_P_MIN = 0.95
SAMPLING = ("temperature", "top_p")
FREE_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
NO_PROPERTIES: dict[str, Any] = {"type": "object", "properties": {}}
FORCING = ("any", "tool")
CHOICES = {"auto": "auto", "none": "none", "required": "any"}

Fields = dict[str, Any]
LeftOut = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """What the answer must look like: a schema, a tool's input, or neither."""

    schema: Fields | None = None
    tool: Fields | None = None


def compose(body: Fields, ask: ChatAsk) -> tuple[Fields, LeftOut]:
    """The request, and the names of what is not in it."""
    family = family_of(body["model"])
    said = conversation(body["messages"])
    form = form_of(body.get("response_format"), family)
    toolbox, strict = toolbox_of(body, said, form, family)
    thought, effort = thinking(body, family, is_forcing(toolbox.get("tool_choice")))
    parts = (
        (opening(body, said), said.left_out),
        (toolbox, strict),
        (with_schema(thought, form), effort),
        sampling(body, ask, family, bool(thought)),
        stops(body.get("stop")),
    )
    request: Fields = {}
    for fields, _ in parts:
        request |= fields
    return request, tuple(name for _, left_out in parts for name in left_out)


def opening(body: Fields, said: Conversation) -> Fields:
    """What depends on nothing else."""
    request: Fields = {
        "model": body["model"],
        "max_tokens": body.get("max_tokens", OUTPUT_TOKENS),
        "messages": said.turns,
    }
    if said.system:
        request["system"] = said.system
    if "user" in body:
        request["metadata"] = {"user_id": body["user"]}
    if "stream" in body:
        request["stream"] = True
    return request


def form_of(wanted: Fields | None, family: Family) -> Form:
    if wanted is None or wanted["type"] == "text":
        return Form()
    described = wanted.get("json_schema", {})
    schema = described.get("schema")
    if schema is None:
        return Form(tool=answer_tool(FREE_OBJECT))
    if described.get("description"):
        schema = {"description": described["description"], **schema}
    fitted = fitted_schema(schema) if family.schemas else None
    if fitted is not None:
        return Form(schema=fitted)
    param = "response_format.json_schema.schema"
    return Form(tool=answer_tool(object_schema(schema, param)))


def answer_tool(schema: Fields) -> Fields:
    return {"name": ANSWER_TOOL, "description": ANSWER_TEXT, "input_schema": schema}


def object_schema(schema: Fields, param: str) -> Fields:
    """A schema for an object; BadParameter if it is one for something else."""
    kind = schema.get("type", "object")
    if kind != "object":
        raise wrong_value(f"{param}.type", "'object'", kind)
    return {"type": "object", **schema}


def toolbox_of(
    body: Fields, said: Conversation, form: Form, family: Family
) -> tuple[Fields, LeftOut]:
    """The tools and the choice among them, that of the answer included."""
    tools, left_out = tools_of(body, said, family)
    choice = choice_of(body, said)
    if form.tool is not None and not is_forcing(choice):
        choice = answer_choice(body, choice)
        tools = [*tools, form.tool]
    found: Fields = {"tools": tools} if tools else {}
    if choice is not None:
        found["tool_choice"] = in_parallel(body, choice)
    return found, left_out


def tools_of(
    body: Fields, said: Conversation, family: Family
) -> tuple[list[Fields], LeftOut]:
    """The tools, and the strictness that cannot be promised.

    A conversation with calls in it needs tools, offered any more or not.
    """
    if "tools" not in body:
        return [
            {"name": name, "input_schema": {"type": "object"}} for name in said.called
        ], ()
    strict_wanted = [tool["function"].get("strict") for tool in body["tools"]]
    can_be_strict = family.schemas and strict_wanted.count(True) <= STRICT_TOOLS_MAX
    tools = [
        tool_of(tool["function"], index, can_be_strict)
        for index, tool in enumerate(body["tools"])
    ]
    kept = [tool.get("strict") for tool in tools]
    return tools, (STRICT,) if kept.count(True) < strict_wanted.count(True) else ()


def tool_of(function: Fields, index: int, can_be_strict: bool) -> Fields:
    param = f"tools[{index}].function"
    if function["name"] == ANSWER_TOOL:
        raise BadParameter(f"{param}.name", "this name is the gateway's own.")
    schema = object_schema(function.get("parameters") or {}, f"{param}.parameters")
    tool: Fields = {"name": function["name"]}
    if function.get("description"):
        tool["description"] = function["description"]
    if function.get("strict") and can_be_strict:
        fitted = fitted_schema(schema)
        if fitted is not None:
            return {**tool, "input_schema": fitted, "strict": True}
    return {**tool, "input_schema": {**NO_PROPERTIES, **schema}}


def choice_of(body: Fields, said: Conversation) -> Fields | None:
    """Whether a tool may or must be called; None is left to the model."""
    wanted = body.get("tool_choice")
    if "tools" not in body:
        if wanted not in (None, "auto", "none"):
            raise BadParameter("tool_choice", "there are no tools.")
        return {"type": "none"} if said.called else None
    if isinstance(wanted, dict):
        name = wanted["function"]["name"]
        if all(tool["function"]["name"] != name for tool in body["tools"]):
            raise wrong_value("tool_choice.function.name", "one of the tools", name)
        return {"type": "tool", "name": name}
    if wanted is None:
        return None if body.get("parallel_tool_calls", True) else {"type": "auto"}
    return {"type": CHOICES[wanted]}


def answer_choice(body: Fields, choice: Fields | None) -> Fields:
    """The answer must be given by its tool, unless another one may be called first."""
    if "tools" in body and (choice is None or choice["type"] == "auto"):
        return {"type": "any"}
    return {
        "type": "tool",
        "name": ANSWER_TOOL,
        # One answer is all there can be.
        "disable_parallel_tool_use": True,
    }


def is_forcing(choice: Fields | None) -> bool:
    return choice is not None and choice["type"] in FORCING


def in_parallel(body: Fields, choice: Fields) -> Fields:
    if body.get("parallel_tool_calls", True) or choice["type"] == "none":
        return choice
    return {**choice, "disable_parallel_tool_use": True}


def thinking(body: Fields, family: Family, forced: bool) -> tuple[Fields, LeftOut]:
    """A model that must call a tool cannot think first, so the tool goes before."""
    wanted = body.get("reasoning_effort")
    if wanted in NO_EFFORT:
        return {}, ()
    effort = family.efforts.get(wanted)
    if effort is None or forced:
        return {}, ("reasoning_effort",)
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}, ()


def with_schema(thought: Fields, form: Form) -> Fields:
    if form.schema is None:
        return thought
    output = {"format": {"type": "json_schema", "schema": form.schema}}
    return {**thought, "output_config": {**thought.get("output_config", {}), **output}}


def sampling(
    body: Fields, ask: ChatAsk, family: Family, thinks: bool
) -> tuple[Fields, LeftOut]:
    """What may be sent of temperature and top_p: what the caller said before what we
    fill in, temperature before top_p."""
    there = [name for name in SAMPLING if name in body]
    there.sort(key=lambda name: name in ask.defaulted)
    allowed = [
        name for name in there if not thinks or survives_thinking(name, body[name])
    ]
    kept = allowed[: family.sampling_max]
    return {name: body[name] for name in kept}, tuple(
        name for name in there if name not in kept and name not in ask.defaulted
    )


def survives_thinking(name: str, value: Any) -> bool:
    return name == "top_p" and value >= THINKING_TOP_P_MIN


def stops(wanted: str | list[str] | None) -> tuple[Fields, LeftOut]:
    """The stops that hold more than blanks: others are refused there."""
    given = [wanted] if isinstance(wanted, str) else wanted or []
    kept = [stop for stop in given if stop.strip()]
    left_out = ("stop",) if len(kept) < len(given) else ()
    return ({"stop_sequences": kept} if kept else {}), left_out
