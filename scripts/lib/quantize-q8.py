"""Writes a GGUF as one of Q8_0, by llama.cpp: quantize-q8.py SOURCE TARGET"""

import ctypes
import sys

import llama_cpp

source, target = (path.encode() for path in sys.argv[1:])
settings = llama_cpp.llama_model_quantize_default_params()
settings.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
settings.allow_requantize = True
sys.exit(llama_cpp.llama_model_quantize(source, target, ctypes.byref(settings)))
