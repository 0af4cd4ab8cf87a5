"""Sends requests with the providers' official SDKs; runs in the proof environment, not in ours.

Reads one JSON object: ``sdk``, ``url``, ``key``, and ``cases``, each the neutral description of a call. Sends
each once, without retries, in the idiom of that SDK's documentation. Answers are of no interest: a server
captures.
"""

import contextlib
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

Case = dict[str, Any]
Send = Callable[[Case], Any]


class Diverted(Exception):
    """A request was captured; there is no answer to it."""


def tool_of(tool: Case) -> Case:
    """A function tool as OpenAI's chat documents it, with the strictness we do not ask for left out."""
    return {"type": "function", "function": tool}


def chat_messages(case: Case) -> list[Case]:
    """Messages as OpenAI's chat documents them."""
    messages = []
    for one in case["messages"]:
        message = {"role": one["role"], "content": one["content"]}
        if "tool_calls" in one:
            message["tool_calls"] = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
                }
                for call in one["tool_calls"]
            ]
        if "tool_call_id" in one:
            message["tool_call_id"] = one["tool_call_id"]
        messages.append(message)
    return messages


def present(case: Case, **names: str) -> Case:
    """The parameters a case has, under the SDK's names."""
    return {sdk: case[ours] for ours, sdk in names.items() if ours in case}


def schema_format(case: Case) -> Case:
    """A structured answer as OpenAI's chat documents it."""
    schema = {"name": "answer", "schema": case["schema"], "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def chat_arguments(case: Case, maximum: str, seed: str = "seed") -> Case:
    """Arguments of a chat completion in the style of OpenAI."""
    arguments = {"model": case["model"], "messages": chat_messages(case), maximum: case["maximum"]}
    arguments |= present(case, temperature="temperature", top_p="top_p", stop="stop", seed=seed)
    arguments |= present(case, effort="reasoning_effort", tool_choice="tool_choice")
    if "tools" in case:
        arguments["tools"] = [tool_of(tool) for tool in case["tools"]]
    if "schema" in case:
        arguments["response_format"] = schema_format(case)
    return arguments


def openai_arguments(case: Case) -> Case:
    """Of OpenAI's chat: streams are asked for their usage."""
    arguments = chat_arguments(case, "max_completion_tokens")
    if case.get("stream"):
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    return arguments


def responses_arguments(case: Case) -> Case:
    """Of OpenAI's Responses: input items, instructions apart."""
    items: list[Case] = []
    instructions = None
    for one in case["messages"]:
        if one["role"] == "system":
            instructions = one["content"]
        elif one["role"] == "tool":
            items.append(
                {"type": "function_call_output", "call_id": one["tool_call_id"], "output": one["content"]}
            )
        else:
            if one["content"]:
                items.append({"role": one["role"], "content": one["content"]})
            items += [
                {
                    "type": "function_call",
                    "call_id": call["id"],
                    "name": call["name"],
                    "arguments": json.dumps(call["arguments"]),
                }
                for call in one.get("tool_calls", ())
            ]
    arguments = {"model": case["model"], "input": items, "max_output_tokens": case["maximum"]}
    arguments |= present(case, temperature="temperature", top_p="top_p", tool_choice="tool_choice")
    if instructions is not None:
        arguments["instructions"] = instructions
    if "effort" in case:
        arguments["reasoning"] = {"effort": case["effort"]}
    if "tools" in case:
        arguments["tools"] = [{"type": "function", "strict": False, **tool} for tool in case["tools"]]
    if "schema" in case:
        arguments["text"] = {
            "format": {"type": "json_schema", "name": "answer", "schema": case["schema"], "strict": True}
        }
    return arguments | present(case, stream="stream", background="background")


def openai_chat(url: str, key: str) -> Send:
    """The openai SDK's chat."""
    from openai import OpenAI

    client = OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
    return lambda case: client.chat.completions.create(**openai_arguments(case))


def openai_responses(url: str, key: str) -> Send:
    """The openai SDK's Responses."""
    from openai import OpenAI

    client = OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
    return lambda case: client.responses.create(**responses_arguments(case))


def azure_classic(url: str, key: str) -> Send:
    """The openai SDK against a classic Azure deployment."""
    from openai import AzureOpenAI

    client = AzureOpenAI(azure_endpoint=url, api_key=key, api_version="2024-10-21", max_retries=0)
    return lambda case: client.chat.completions.create(**openai_arguments(case))


def azure_v1(url: str, key: str) -> Send:
    """The openai SDK against Azure's v1 interface, whose key stands in api-key as well."""
    from openai import OpenAI

    client = OpenAI(
        base_url=url + "/openai/v1/", api_key=key, max_retries=0, default_headers={"api-key": key}
    )
    return lambda case: client.chat.completions.create(**openai_arguments(case))


def azure_responses(url: str, key: str) -> Send:
    """The openai SDK's Responses against Azure's v1 interface."""
    from openai import OpenAI

    client = OpenAI(
        base_url=url + "/openai/v1/", api_key=key, max_retries=0, default_headers={"api-key": key}
    )
    return lambda case: client.responses.create(**responses_arguments(case))


def bedrock_chat(url: str, key: str) -> Send:
    """The openai SDK against Bedrock's OpenAI-compatible path."""
    from openai import OpenAI

    client = OpenAI(base_url=url + "/openai/v1", api_key=key, max_retries=0)
    return lambda case: client.chat.completions.create(**openai_arguments(case))


def mistral(url: str, key: str) -> Send:
    """The mistralai SDK."""
    from mistralai.client import Mistral

    client = Mistral(api_key=key, server_url=url)

    def send(case: Case) -> Any:
        arguments = chat_arguments(case, "max_tokens", seed="random_seed")
        if arguments.get("tool_choice") == "required":
            arguments["tool_choice"] = "any"
        if "response_format" in arguments:
            arguments["response_format"]["json_schema"]["schema_definition"] = arguments["response_format"][
                "json_schema"
            ].pop("schema")
        ask = client.chat.stream if case.get("stream") else client.chat.complete
        return ask(**arguments)

    return send


def together(url: str, key: str) -> Send:
    """The together SDK."""
    from together import Together

    client = Together(api_key=key, base_url=url, max_retries=0)

    def send(case: Case) -> Any:
        arguments = chat_arguments(case, "max_tokens")
        if case.get("stream"):
            arguments |= {"stream": True}
        return client.chat.completions.create(**arguments)

    return send


def google(url: str, key: str) -> Send:
    """The google-genai SDK."""
    from google import genai
    from google.genai import types

    client = genai.Client(
        api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=url, api_version="v1beta")
    )

    def content(one: Case) -> types.Content:
        parts = [types.Part.from_text(text=one["content"])] if one["content"] else []
        if one["role"] == "tool":
            result = json.loads(one["content"])
            parts = [types.Part.from_function_response(name=one["name"], response=result)]
        parts += [
            types.Part.from_function_call(name=call["name"], args=call["arguments"])
            for call in one.get("tool_calls", ())
        ]
        return types.Content(role="model" if one["role"] == "assistant" else "user", parts=parts)

    def send(case: Case) -> Any:
        system = [one["content"] for one in case["messages"] if one["role"] == "system"]
        settings: Case = {"max_output_tokens": case["maximum"]}
        settings |= present(
            case, temperature="temperature", top_p="top_p", stop="stop_sequences", seed="seed"
        )
        if system:
            settings["system_instruction"] = types.Content(parts=[types.Part.from_text(text=system[0])])
        if "tools" in case:
            declared = [
                types.FunctionDeclaration(
                    name=one["name"],
                    description=one["description"],
                    parameters_json_schema=one["parameters"],
                )
                for one in case["tools"]
            ]
            settings["tools"] = [types.Tool(function_declarations=declared)]
        if "tool_choice" in case:
            mode = {"auto": "AUTO", "none": "NONE", "required": "ANY"}[case["tool_choice"]]
            settings["tool_config"] = {"function_calling_config": {"mode": mode}}
        if "schema" in case:
            settings |= {
                "response_mime_type": "application/json",
                "response_json_schema": case["schema"],
            }
        contents = [content(one) for one in case["messages"] if one["role"] != "system"]
        config = types.GenerateContentConfig(**settings)
        if case.get("stream"):
            return list(
                client.models.generate_content_stream(model=case["model"], contents=contents, config=config)
            )
        return client.models.generate_content(model=case["model"], contents=contents, config=config)

    return send


def converse(url: str, key: str) -> Send:
    """A botocore client of bedrock-runtime at Amazon's own address.

    ``key`` is a Bearer key, or ``id:secret:token``.
    botocore sends a Bearer key by TLS only, so its finished request is handed to ``url`` instead of Amazon.
    """
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    settings = {"region_name": "eu-central-1"}
    if ":" in key:
        access, secret, token = key.split(":")
        settings |= {"aws_access_key_id": access, "aws_secret_access_key": secret, "aws_session_token": token}
    else:
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    once = Config(retries={"total_max_attempts": 1})
    client = session.create_client("bedrock-runtime", config=once, **settings)

    def divert(request: Any, **_: Any) -> Any:
        parts = urllib.parse.urlsplit(request.url)
        text = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        headers = text | {"x-meant-for": f"{parts.scheme}://{parts.netloc}"}
        sent = urllib.request.Request(url + parts.path, request.body, headers, method=request.method)
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(sent, timeout=10).close()
        raise Diverted

    client.meta.events.register("before-send.bedrock-runtime.*", divert)

    def block(one: Case) -> list[Case]:
        if one["role"] == "tool":
            result = {"toolUseId": one["tool_call_id"], "content": [{"text": one["content"]}]}
            return [{"toolResult": result}]
        blocks = [{"text": one["content"]}] if one["content"] else []
        return blocks + [
            {"toolUse": {"toolUseId": call["id"], "name": call["name"], "input": call["arguments"]}}
            for call in one.get("tool_calls", ())
        ]

    def send(case: Case) -> Any:
        arguments: Case = {
            "modelId": case["model"],
            "messages": [
                {"role": "assistant" if one["role"] == "assistant" else "user", "content": block(one)}
                for one in case["messages"]
                if one["role"] != "system"
            ],
            "inferenceConfig": {"maxTokens": case["maximum"]}
            | present(case, temperature="temperature", top_p="topP", stop="stopSequences"),
        }
        system = [{"text": one["content"]} for one in case["messages"] if one["role"] == "system"]
        if system:
            arguments["system"] = system
        if "tools" in case:
            specs = [
                {
                    "toolSpec": {
                        "name": one["name"],
                        "description": one["description"],
                        "inputSchema": {"json": one["parameters"]},
                    }
                }
                for one in case["tools"]
            ]
            arguments["toolConfig"] = {"tools": specs}
            if "tool_choice" in case:
                choice = {"auto": "auto", "required": "any"}[case["tool_choice"]]
                arguments["toolConfig"]["toolChoice"] = {choice: {}}
        if "schema" in case:
            arguments["outputConfig"] = {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {
                        "jsonSchema": {"name": "answer", "schema": json.dumps(case["schema"])},
                    },
                }
            }
        return (client.converse_stream if case.get("stream") else client.converse)(**arguments)

    return send


SDKS: dict[str, Callable[[str, str], Send]] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "azure_classic": azure_classic,
    "azure_v1": azure_v1,
    "azure_responses": azure_responses,
    "bedrock_chat": bedrock_chat,
    "mistral": mistral,
    "together": together,
    "google": google,
    "converse": converse,
}


def main() -> None:
    """Send every case; what the SDK raises is told on standard error, with its case."""
    asked = json.load(sys.stdin)
    send = SDKS[asked["sdk"]](asked["url"], asked["key"])
    for case in asked["cases"]:
        try:
            send(case)
        except Exception as error:  # noqa: BLE001 - every SDK has its own, and the answer is an error
            print(case["case"], type(error).__name__, error, file=sys.stderr)


if __name__ == "__main__":
    main()
