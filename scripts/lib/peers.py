"""Other engines, each behind the same three calls: what compare-engines.py measures."""

import json
import math
import os
import time


ROWS_OF_THE_JOB = 32


def tokens(count, seed, vocabulary):
    """The token ids of `octavo bench engine`."""
    return [((index + 1) * 7919 + seed * 104729) % vocabulary for index in range(count)]


def job_prompts(count, vocabulary):
    """The prompts of `octavo bench engine`: log-normal lengths, median 120."""
    prompts = []
    for index in range(count):
        quantile = (index + 0.5) / count
        length = 120 * math.exp(0.8 * 0.5513 * math.log(quantile / (1 - quantile)))
        prompts.append(tokens(min(max(int(length), 4), 1000), index, vocabulary))
    return prompts


def most_rows(new_tokens):
    """Rows that are decoded together: in the job, as many as Octavo does."""
    return ROWS_OF_THE_JOB if new_tokens >= 32 else 64


class CTranslate2:
    """INT8 weights and activations, f32 elsewhere."""

    def __init__(self, options):
        import ctranslate2

        folder = os.path.join(options.folder, "ctranslate2")
        self.generator = ctranslate2.Generator(
            folder, device="cpu", compute_type="int8", inter_threads=1, intra_threads=options.threads
        )
        with open(os.path.join(folder, "vocabulary.json")) as file:
            self.vocabulary = json.load(file)

    def complete(self, prompts, new_tokens):
        """Answers prompts; returns when each step's last token came."""
        times = {}

        def note(result):
            times[result.step] = time.perf_counter()
            return False

        self.generator.generate_batch(
            [[self.vocabulary[token] for token in prompt] for prompt in prompts],
            max_batch_size=most_rows(new_tokens),
            batch_type="examples",
            max_length=new_tokens,
            min_length=new_tokens,
            sampling_topk=1,
            include_prompt_in_result=False,
            callback=note,
        )
        return [times[step] for step in sorted(times)]


class OpenVINO:
    """INT8 weights, activations quantized as it goes; continuous batching."""

    def __init__(self, options):
        import openvino_genai

        self.genai = openvino_genai
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = 4
        scheduler.max_num_batched_tokens = 2048
        # Prompts first: then all rows decode together, as the others do.
        scheduler.dynamic_split_fuse = False
        settings = {"INFERENCE_NUM_THREADS": options.threads}
        folder = os.path.join(options.folder, "openvino")
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", settings)

    def complete(self, prompts, new_tokens):
        import numpy
        import openvino

        settings = self.genai.GenerationConfig()
        settings.max_new_tokens = new_tokens
        settings.ignore_eos = True
        handles = [
            self.pipeline.add_request(index, openvino.Tensor(numpy.array([prompt], dtype=numpy.int64)), settings)
            for index, prompt in enumerate(prompts)
        ]
        times = []
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
            for handle in handles:
                while handle.can_read():
                    handle.read()
            times.append(time.perf_counter())
        return times[-new_tokens:]


class Batched:
    """A peer that answers at most so many prompts together as its `complete_together` has room for, by length."""

    def complete(self, prompts, new_tokens):
        times = []
        prompts = sorted(prompts, key=len)
        rows = most_rows(new_tokens)
        for start in range(0, len(prompts), rows):
            times = self.complete_together(prompts[start : start + rows], new_tokens)
        return times


class LlamaCpp(Batched):
    """llama.cpp by its C functions, many sequences in a batch."""

    rows = 64

    def __init__(self, options, file="model.gguf"):
        import llama_cpp

        self.api = llama_cpp
        llama_cpp.llama_backend_init()
        self.keep_quiet = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.keep_quiet, None)
        path = os.path.join(options.folder, file).encode()
        self.model = llama_cpp.llama_model_load_from_file(path, llama_cpp.llama_model_default_params())
        settings = llama_cpp.llama_context_default_params()
        settings.n_seq_max = self.rows
        settings.n_ctx = self.rows * 1152
        settings.n_batch = 2048
        settings.n_ubatch = 512
        settings.n_threads = settings.n_threads_batch = options.threads
        settings.kv_unified = True
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        if not self.model or not self.context:
            raise RuntimeError("llama.cpp could not load the model")
        self.batch = llama_cpp.llama_batch_init(2048, 0, 1)
        self.vocabulary_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

    def decode(self, entries):
        """Computes (token, position, sequence, wants logits); returns the tokens that are likeliest next."""
        import numpy

        for index, (token, position, sequence, wants_logits) in enumerate(entries):
            self.batch.token[index] = token
            self.batch.pos[index] = position
            self.batch.n_seq_id[index] = 1
            self.batch.seq_id[index][0] = sequence
            self.batch.logits[index] = wants_logits
        self.batch.n_tokens = len(entries)
        if self.api.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        likeliest = {}
        for index, (_, _, sequence, wants_logits) in enumerate(entries):
            if wants_logits:
                logits = self.api.llama_get_logits_ith(self.context, index)
                likeliest[sequence] = int(numpy.ctypeslib.as_array(logits, (self.vocabulary_size,)).argmax())
        return likeliest

    def complete_together(self, prompts, new_tokens):
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)
        entries = [
            (token, position, sequence, position == len(prompt) - 1)
            for sequence, prompt in enumerate(prompts)
            for position, token in enumerate(prompt)
        ]
        likeliest = {}
        for start in range(0, len(entries), 2048):
            likeliest.update(self.decode(entries[start : start + 2048]))
        times = [time.perf_counter()]
        for step in range(new_tokens - 1):
            likeliest = self.decode(
                [(token, len(prompts[sequence]) + step, sequence, True) for sequence, token in likeliest.items()]
            )
            times.append(time.perf_counter())
        return times


class LlamaCppQ8(LlamaCpp):
    """The same in INT8 by blocks of 32."""

    def __init__(self, options):
        super().__init__(options, "model-q8_0.gguf")


class LlamaCppBF16(LlamaCpp):
    """The same in bf16."""

    def __init__(self, options):
        super().__init__(options, "model-bf16.gguf")


class TorchAO(Batched):
    """INT8 weights and activations in transformers, without compilation."""

    compiles = False

    def __init__(self, options):
        import torch
        import transformers
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        torch.set_num_threads(options.threads)
        self.torch = torch
        folder = os.path.join(options.folder, "huggingface")
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        quantize_(
            self.model,
            Int8DynamicActivationInt8WeightConfig(),
            filter_fn=lambda module, name: isinstance(module, torch.nn.Linear) and name != "lm_head",
        )
        if self.compiles:
            self.compile()

    def compile(self):
        """By block, which takes seconds; the whole model, whose cache grows with every step, is not done in ten minutes."""
        # One row or several, one token or several, and each shape of weights.
        self.torch._dynamo.config.recompile_limit = 64
        for layer in self.model.model.layers:
            attention = layer.self_attn
            products = [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
            for block in [layer.mlp, *products]:
                block.forward = self.torch.compile(block.forward, dynamic=True)

    def complete_together(self, prompts, new_tokens):
        torch = self.torch
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        times, cache = [], None
        with torch.inference_mode():
            for _ in range(new_tokens):
                out = self.model(
                    input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, logits_to_keep=1
                )
                cache = out.past_key_values
                ids = out.logits[:, -1].argmax(-1, keepdim=True)
                mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
                times.append(time.perf_counter())
        return times


class CompiledTorchAO(TorchAO):
    """The same, all that is quantized compiled by torch.compile."""

    compiles = True


PEERS = {
    "ctranslate2": CTranslate2,
    "openvino": OpenVINO,
    "llama.cpp": LlamaCpp,
    "llama.cpp-q8_0": LlamaCppQ8,
    "llama.cpp-bf16": LlamaCppBF16,
    "torchao": TorchAO,
    "torchao-compiled": CompiledTorchAO,
}


def numbers(text):
    return [] if text == "none" else [int(number) for number in text.split(",")]


def measure(options):
    """Prints the figures of one peer, as `octavo bench engine --json` does."""
    started = time.perf_counter()
    with open(os.path.join(options.folder, "huggingface", "config.json")) as file:
        vocabulary = json.load(file)["vocab_size"]
    peer = PEERS[options.measure](options)

    def show(benchmark, value, **case):
        case = {key.replace("_", " "): number for key, number in case.items()}
        print(json.dumps({"benchmark": benchmark, "case": case, "value": value}), flush=True)

    show("load", time.perf_counter() - started)
    peer.complete([tokens(64, 99, vocabulary)], 4)
    if getattr(peer, "compiles", False):
        # One row and several, first steps and later ones are compiled apart.
        peer.complete([tokens(64, row, vocabulary) for row in range(3)], 4)
    for length in numbers(options.prefill):
        start = time.perf_counter()
        peer.complete([tokens(length, 1, vocabulary)], 1)
        show("prefill", length / (time.perf_counter() - start), tokens=length)
    for batch in numbers(options.decode):
        times = peer.complete([tokens(options.context, row, vocabulary) for row in range(batch)], 17)
        rate = batch * (len(times) - 1) / (times[-1] - times[0])
        show("decode", rate, batch=batch, context=options.context)
    if options.requests:
        prompts = job_prompts(options.requests, vocabulary)
        start = time.perf_counter()
        peer.complete(prompts, options.new_tokens)
        rate = options.requests * options.new_tokens / (time.perf_counter() - start)
        show("offline job", rate, requests=options.requests, new_tokens=options.new_tokens)
