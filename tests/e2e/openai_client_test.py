"""Property: OpenAI's own client, as the published multi-round QA script uses it, works with a server and through the
router: streams with usage, several at once, and errors of the kinds that it knows."""
import asyncio

import openai
import pytest

QUESTION = [{"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def doors(serve, route, chat_model):
    """Clients of a server, and of a router before it."""
    instance = serve(chat_model, "--device-kv-bytes", "128MiB", "--ram-bytes", "64MiB", "--api-key", "right")
    router = route("--backend", instance.url, "--backend-api-key", "right", "--api-key", "right")
    return [openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="right", max_retries=0, timeout=120)
            for url in (instance.url, router.url)]


async def ask(client, model):
    """(text, usage): one chat as a stream, as the script reads it."""
    text, usage = "", None
    stream = await client.chat.completions.create(model=model, messages=QUESTION, temperature=0, max_tokens=16, stream=True,
                                                  stream_options={"include_usage": True})
    async for event in stream:
        if event.choices and event.choices[0].delta.content is not None:
            text += event.choices[0].delta.content
        usage = event.usage or usage
    return text, usage


def test_streams_with_usage(doors):
    async def run():
        for client in doors:
            model = (await client.models.list()).data[0].id
            answers = await asyncio.gather(*[ask(client, model) for _ in range(4)])
            whole = await client.chat.completions.create(model=model, messages=QUESTION, temperature=0, max_tokens=16)
            for text, usage in answers:
                assert "Paris" in text and text == whole.choices[0].message.content
                assert usage.prompt_tokens == whole.usage.prompt_tokens and usage.completion_tokens > 0
            assert whole.usage.prompt_tokens_details.cached_tokens > 0
            done = await client.completions.create(model=model, prompt="Paris is the capital of", max_tokens=4, temperature=0)
            assert done.choices[0].text and done.usage.completion_tokens == 4

    asyncio.run(run())


def test_errors_are_of_the_clients_kinds(doors):
    async def run():
        for client in doors:
            model = (await client.models.list()).data[0].id
            with pytest.raises(openai.NotFoundError):
                await ask(client, "nobody")
            with pytest.raises(openai.BadRequestError):
                await client.completions.create(model=model, prompt="a", max_tokens=-1)
            with pytest.raises(openai.AuthenticationError):
                await ask(client.with_options(api_key="wrong"), model)

    asyncio.run(run())
