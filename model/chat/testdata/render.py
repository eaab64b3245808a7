"""Reference renderings: every template of a folder with every case of cases.json.

    python -m venv v && v/bin/pip install jinja2==3.1.6
    v/bin/python render.py templates > golden.json

The environment is the one that transformers compiles chat templates with. A
rendering that fails is recorded as null: the texts of errors are Jinja's own.
The templates are ours. They give the forms of prompts that well-known models
want. Only smollm2.jinja is a model's own; NOTICE says so.
"""

import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2026, 11, 3, 9, 5, 7)


class Generation(jinja2.ext.Extension):
    """transformers' generation block: here only its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def render(env, source, case):
    try:
        return env.from_string(source).render(
            messages=case["messages"],
            tools=case.get("tools"),
            documents=None,
            add_generation_prompt=case["add_generation_prompt"],
            bos_token="<s>",
            eos_token="</s>",
            unk_token="<unk>",
            **case.get("extra", {}),
        )
    except Exception as e:
        print(type(e).__name__, e, file=sys.stderr)
        return None


def main():
    env = environment()
    cases = json.loads((HERE / "cases.json").read_text())
    golden = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja")):
        with open(path, newline="") as f:
            source = f.read()
        golden[path.name] = {case["name"]: render(env, source, case) for case in cases}
    json.dump(golden, sys.stdout, indent=1, ensure_ascii=True)
    print()


main()
