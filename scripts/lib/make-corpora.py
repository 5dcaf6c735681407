"""Collects texts to tokenize: English and many languages from Django's sources, code from Python's own library.

usage: make-corpora.py DJANGO.tar.gz FOLDER
"""

import ast
import pathlib
import random
import re
import sys
import sysconfig
import tarfile

SIZE = 6_000_000


def translations(catalog):
    """The translated texts of a gettext catalog, a line each."""
    texts = []
    for quoted in re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n)+)', catalog, re.MULTILINE):
        text = "".join(ast.literal_eval(line) for line in quoted.splitlines())
        if text and "Content-Type:" not in text:
            texts.append(text)
    return "\n".join(texts) + "\n"


def write(name, texts):
    """Writes texts, in an order of chance that is always the same, until they are large enough."""
    texts = sorted(text for text in texts if text.strip())
    random.Random(1).shuffle(texts)
    size = 0
    with open(folder / name, "w", encoding="utf-8", newline="") as file:
        for text in texts:
            file.write(text if text.endswith("\n") else text + "\n")
            size += len(text.encode())
            if size > SIZE:
                break


archive, folder = sys.argv[1], pathlib.Path(sys.argv[2])
english, multilingual = [], []
with tarfile.open(archive) as django:
    for member in django.getmembers():
        if member.name.endswith(".txt") and "/docs/" in member.name:
            english.append(django.extractfile(member).read().decode())
        elif member.name.endswith(".po") and "/locale/en" not in member.name:
            multilingual.append(translations(django.extractfile(member).read().decode()))
library = pathlib.Path(sysconfig.get_path("stdlib"))
code = [
    path.read_text(encoding="utf-8", errors="ignore")
    for path in library.rglob("*.py")
    if not {"site-packages", "test", "tests"} & set(path.parts)
]
write("english", english)
write("code", code)
write("multilingual", multilingual)
