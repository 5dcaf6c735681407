"""Writes a GGUF as one of another type, by llama.cpp: quantize-gguf.py SOURCE q8_0|bf16 TARGET"""

import ctypes
import sys

import llama_cpp

TYPES = {"q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "bf16": llama_cpp.LLAMA_FTYPE_MOSTLY_BF16}

source, kind, target = sys.argv[1:]
settings = llama_cpp.llama_model_quantize_default_params()
settings.ftype = TYPES[kind]
settings.allow_requantize = True
sys.exit(llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(settings)))
