"""Compares the prompts that Limbeck makes with those that transformers and
llama.cpp make of the same conversations, by the template in what Limbeck writes.

    make check-peers PY=PYTHON

FOLDER holds what go test ./recipe/steps -run TestWritePromptsForPeers
-written FOLDER writes: the built-in teacher with each template that training
leaves a model, as NAME.gguf and as the folder NAME, and prompts.json. PYTHON
needs what model/testdata/written_logits.py does.

llama.cpp is asked as a server, with no option but the file: so its own engine
for templates counts, and what it does to messages before. That is one thing: to
a template that shows nothing of a system message it gives that message in front
of the next, where Limbeck and transformers leave it out. Limbeck's prompt of
the messages so joined is then what llama.cpp's must be.
"""

import argparse
import json
import pathlib
import sys
import urllib.request


class Transformers:
    """A folder's tokenizer and template."""

    name, joins = "transformers", False

    def __init__(self, path):
        import transformers

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(path)

    def prompt(self, messages):
        apply = self.tokenizer.apply_chat_template
        return (apply(messages, add_generation_prompt=True, tokenize=False),
                apply(messages, add_generation_prompt=True, return_dict=False))


class Llama:
    """llama.cpp's server, of a GGUF file."""

    name, joins = "llama.cpp", True

    def __init__(self, path):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = f"{path}.gguf"
        params.n_ctx = 1024
        params.n_parallel = 1
        params.warmup = False
        params.verbosity = 1  # errors
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self.server = xllamacpp.Server(params)

    def post(self, what, body):
        request = urllib.request.Request(f"{self.server.listening_address}/{what}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def prompt(self, messages):
        text = self.post("apply-template", {"messages": messages})["prompt"]
        ids = self.post("tokenize", {"content": text, "add_special": True, "parse_special": True})["tokens"]
        read = self.post("v1/chat/completions", {"messages": messages, "max_tokens": 1})["usage"]["prompt_tokens"]
        if read != len(ids):
            raise SystemExit(f"llama.cpp reads {read} tokens of a prompt that it cuts into {len(ids)}")
        return text, ids


def compare(name, peer, path, prompts):
    """Prints a row of the table; tells whether the peer's prompts are Limbeck's."""
    model, joined, wrong = peer(path), 0, []
    for p in prompts:
        want = p
        if peer.joins and "joined" in p:
            want, joined = p["joined"], joined + 1
        text, ids = model.prompt(p["messages"])
        if text != want["text"]:
            wrong.append(f"{text!r}, want {want['text']!r}")
        elif ids != want["ids"]:
            wrong.append(f"{text!r}: tokens {ids}, want {want['ids']}")
    print(f"| {name} | {peer.name} | {len(prompts) - len(wrong)} of {len(prompts)} | {joined or ''} |", flush=True)
    for w in wrong:
        print("WRONG:", w)
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    given = json.loads((folder / "prompts.json").read_text())
    print("| template | peer | the same text and tokens | of these with the system message joined to the next |")
    print("|---|---|---|---|")
    ok = True
    for name in sorted(given):
        for peer in Transformers, Llama:
            ok &= compare(name, peer, folder / name, given[name])
    if not ok:
        sys.exit("a peer makes another prompt")


if __name__ == "__main__":
    main()
