"""Measures what ways to quantize cost Llama's perplexity, on the SmolLM2 GGUF, in float arithmetic that imitates INT8.

    pip install torch numpy gguf
    python scripts/quantization-study.py MODEL.gguf IDS.json SAMPLE.json [SCHEME...]

IDS.json and SAMPLE.json are arrays of token ids as `octavo model tokenize` prints them: the text, which is cut into windows
of 1,024, and the sample for calibrated rounding. Schemes are names of SCHEMES below; digits in `rotate` say what is
turned: 1 the residual stream, 2 values, 3 what enters the attention output, 4 what enters the down projection.
"""
import json, math, sys, time
import numpy as np, torch
from gguf import GGUFReader, dequantize

torch.set_grad_enabled(False)
torch.set_num_threads(2)


def unpermute(w, heads):
    d = w.shape[0] // heads
    return w.reshape(heads, d // 2, 2, -1).swapaxes(1, 2).reshape(w.shape)


def load(path):
    reader = GGUFReader(path)
    field = lambda key: reader.fields["llama." + key].contents()
    sizes = dict(layers=field("block_count"), heads=field("attention.head_count"), kv=field("attention.head_count_kv"),
                 theta=field("rope.freq_base"), eps=field("attention.layer_norm_rms_epsilon"))
    tensors = {}
    for t in reader.tensors:
        w = dequantize(t.data, t.tensor_type).astype(np.float32)
        if "attn_q." in t.name: w = unpermute(w, sizes["heads"])
        if "attn_k." in t.name: w = unpermute(w, sizes["kv"])
        tensors[t.name.removesuffix(".weight")] = torch.from_numpy(np.ascontiguousarray(w))
    return sizes, tensors


def hadamard(n):
    """An orthogonal matrix of n rows with entries +-1/sqrt(n): Sylvester's times one of Paley's of order 12 or 20."""
    def paley(q):
        squares = {i * i % q for i in range(1, q)}
        chi = lambda x: 0 if x % q == 0 else (1 if x % q in squares else -1)
        Q = np.array([[chi(i - j) for j in range(q)] for i in range(q)])
        S = np.zeros((q + 1, q + 1)); S[0, 1:] = 1; S[1:, 0] = -1; S[1:, 1:] = Q
        return np.eye(q + 1) + S
    def order(n):
        if n == 1: return np.ones((1, 1))
        if n in (12, 20):
            return paley(n - 1)
        if n % 2 == 0 and n // 2 >= 1:
            try: return np.kron(np.array([[1, 1], [1, -1]]), order(n // 2))
            except ValueError: pass
        for a in (12, 20):
            if n % a == 0:
                try: return np.kron(paley(a - 1), order(n // a))
                except ValueError: pass
        raise ValueError(n)
    try: h = order(n)
    except ValueError:
        two = n & -n
        h = np.kron(np.eye(n // two), order(two)) * math.sqrt(n / two)
    assert np.allclose(h @ h.T, n * np.eye(n)) , n
    return torch.tensor(h / math.sqrt(n), dtype=torch.float64)


def quantize_weight(w):
    s = w.abs().amax(-1, keepdim=True) / 127
    s = torch.where(s > 0, s, torch.ones_like(s))
    return torch.clamp(torch.round(w / s), -127, 127), s


def fake_act(x, group):
    n = x.shape[-1]
    if group:
        g = x.reshape(*x.shape[:-1], n // group, group)
        return fake_act(g, 0).reshape(x.shape)
    s = torch.clamp(x.abs().amax(-1, keepdim=True) / 127, min=1e-5)
    return torch.clamp(torch.round(x * (1 / s)), -127, 127) * s


def gptq(w, H, damp=0.01, block=128):
    """Rounds w [out, in] against H = X^T X [in, in], column by column (Frantar et al., 2022, arXiv:2210.17323)."""
    w = w.float().clone(); H = H.double().clone()
    dead = H.diagonal() == 0
    H.diagonal()[dead] = 1
    order = H.diagonal().argsort(descending=True); inverse = order.argsort()
    w = w[:, order]; H = H[order][:, order]
    H.diagonal().add_(damp * H.diagonal().mean())
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H)), upper=True).float()
    s = w.abs().amax(-1, keepdim=True) / 127
    s = torch.where(s > 0, s, torch.ones_like(s))
    q = torch.zeros_like(w)
    for a in range(0, w.shape[1], block):
        b = min(a + block, w.shape[1]); E = torch.zeros(w.shape[0], b - a, dtype=w.dtype)
        for j in range(a, b):
            q[:, j:j+1] = torch.clamp(torch.round(w[:, j:j+1] / s), -127, 127)
            e = (w[:, j:j+1] - q[:, j:j+1] * s) / U[j, j]
            w[:, j:b] -= e * U[j, j:b]
            E[:, j - a] = e[:, 0]
        w[:, b:] -= E @ U[a:b, b:]
    return q[:, inverse].float(), s.float()


class Linear:
    def __init__(self, w, scheme, kind):
        self.kind = kind
        self.scheme = scheme
        if scheme.get("weights", True) and kind.split(".")[-1] in scheme.get("only", (kind.split(".")[-1],)):
            q, s = scheme.get("rounding", lambda w, kind: quantize_weight(w))(w, kind)
            self.w = q * s
        else: self.w = w

    def __call__(self, x):
        sch = self.scheme
        if "record" in sch: sch["record"](self.kind, x)
        if sch.get("acts", True) and self.kind.split(".")[-1] not in sch.get("float_kinds", ()):
            group = sch.get("groups", {}).get(self.kind.split(".")[-1], sch.get("group", 0))
            keep = sch.get("keep", 0)
            if keep:  # the largest `keep` magnitudes of a row apart, in float
                top = x.abs().topk(keep, -1).indices
                big = torch.zeros_like(x).scatter(-1, top, x.gather(-1, top))
                x = fake_act(x - big, group) + big
            else: x = fake_act(x, group)
        return x @ self.w.T


class Llama:
    def __init__(self, sizes, t, scheme):
        self.s, self.scheme = sizes, scheme
        D = torch.float64
        W = {k: v.to(D) for k, v in t.items()}
        L, nh, nkv = sizes["layers"], sizes["heads"], sizes["kv"]
        h = W["token_embd"].shape[1]; d = W["blk.0.attn_q"].shape[0] // nh
        head = W.get("output", W["token_embd"]).clone()
        emb = W["token_embd"]
        rot = scheme.get("rotate", "")
        self.online = None
        if "1" in rot or "2" in rot or "4" in rot or scheme.get("fold"):
            gen = torch.Generator().manual_seed(scheme.get("seed", 1))
            for l in range(L):
                p = f"blk.{l}."
                for n, norm in (("attn_q", "attn_norm"), ("attn_k", "attn_norm"), ("attn_v", "attn_norm"), ("ffn_gate", "ffn_norm"), ("ffn_up", "ffn_norm")):
                    W[p + n] = W[p + n] * W[p + norm]
                W[p + "attn_norm"] = torch.ones(h, dtype=D); W[p + "ffn_norm"] = torch.ones(h, dtype=D)
            head = head * W["output_norm"]; W["output_norm"] = torch.ones(h, dtype=D)
        if "1" in rot:
            sign = (torch.randint(0, 2, (h,), generator=gen) * 2 - 1).to(D) if scheme.get("random", True) else torch.ones(h, dtype=D)
            R = sign[:, None] * hadamard(h)          # x -> x R
            emb = emb @ R; head = head @ R
            for l in range(L):
                p = f"blk.{l}."
                for n in ("attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up"): W[p + n] = W[p + n] @ R
                for n in ("attn_output", "ffn_down"): W[p + n] = R.T @ W[p + n]
        if "2" in rot:
            H = hadamard(d)
            for l in range(L):
                p = f"blk.{l}."
                W[p + "attn_v"] = torch.einsum("ij,hjk->hik", H.T, W[p + "attn_v"].view(nkv, d, h)).reshape(nkv * d, h)
                W[p + "attn_output"] = (W[p + "attn_output"].view(h, nh, d) @ H).reshape(h, nh * d)
        if "3" in rot:   # online over all heads of o_proj's input
            n = nh * d
            self.onlineO = hadamard(n)
            for l in range(L): W[f"blk.{l}.attn_output"] = W[f"blk.{l}.attn_output"] @ self.onlineO
            self.onlineO = self.onlineO.float()
        if "4" in rot:
            f = W["blk.0.ffn_down"].shape[1]
            b = scheme.get("block", 0)
            self.online = hadamard(f) if not b else torch.kron(torch.eye(f // b, dtype=D), hadamard(b))
            for l in range(L): W[f"blk.{l}.ffn_down"] = W[f"blk.{l}.ffn_down"] @ self.online
            self.online = self.online.float()
        if "smooth" in scheme: scheme["smooth"](W, L)
        self.emb, self.head = emb.float(), head.float()
        self.W = {k: v.float() for k, v in W.items()}
        if "damp" in scheme: scheme = dict(scheme, weights=False, record=self.record)
        self.lin = {k: Linear(v, scheme, k) for k, v in self.W.items() if k.startswith("blk") and "norm" not in k}
        self.d = d
        self.inv = 1 / (sizes["theta"] ** (torch.arange(0, d, 2).float() / d))

        if "damp" in scheme: self.calibrate()

    def record(self, kind, x):
        if kind != self.want: return
        x = x.reshape(-1, x.shape[-1])
        self.H = self.H + x.T @ x

    def calibrate(self):
        """GPTQ, block by block, on the outputs of the blocks quantized before."""
        s, sch = self.s, self.scheme
        ids = torch.tensor(json.load(open(sys.argv[3])))[: sch.get("tokens", 8192)]
        ids = ids[: len(ids) // 512 * 512].view(-1, 512)
        xs = self.emb[ids]
        for l in range(s["layers"]):
            for stage in (("attn_q", "attn_k", "attn_v"), ("attn_output",), ("ffn_gate", "ffn_up"), ("ffn_down",)):
                self.H, self.want = 0, f"blk.{l}.{stage[0]}"
                for x in xs.split(4): self.layer(l, x)
                for k in stage:
                    lin = self.lin[f"blk.{l}.{k}"]
                    q, sc = gptq(lin.w, self.H, sch["damp"])
                    lin.w = q * sc
            xs = torch.cat([self.layer(l, x) for x in xs.split(4)])
        for lin in self.lin.values(): lin.scheme = {k: v for k, v in lin.scheme.items() if k != "record"}

    def norm(self, x, w): return w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.s["eps"]))

    def rope(self, x):
        ang = torch.arange(x.shape[-2])[:, None].float() * self.inv
        c, s = torch.cat([ang.cos()] * 2, -1), torch.cat([ang.sin()] * 2, -1)
        a, b = x.chunk(2, -1)
        return x * c + torch.cat([-b, a], -1) * s

    def layer(self, l, x):
        s, W, lin = self.s, self.W, self.lin
        B, T, _ = x.shape
        p = f"blk.{l}."
        n = self.norm(x, W[p + "attn_norm"])
        q, k, v = (lin[p + "attn_" + c](n).view(B, T, -1, self.d).transpose(1, 2) for c in "qkv")
        a = torch.nn.functional.scaled_dot_product_attention(self.rope(q), self.rope(k).repeat_interleave(s["heads"] // s["kv"], 1), v.repeat_interleave(s["heads"] // s["kv"], 1), is_causal=True)
        a = a.transpose(1, 2).reshape(B, T, -1)
        if hasattr(self, "onlineO"): a = a @ self.onlineO
        x = x + lin[p + "attn_output"](a)
        n = self.norm(x, W[p + "ffn_norm"])
        f = torch.nn.functional.silu(lin[p + "ffn_gate"](n)) * lin[p + "ffn_up"](n)
        if self.online is not None: f = f @ self.online
        x = x + lin[p + "ffn_down"](f)
        return x

    def __call__(self, ids):
        s, W, lin = self.s, self.W, self.lin
        B, T = ids.shape
        x = self.emb[ids]
        if self.scheme.get("noise"): x = x * (1 + self.scheme["noise"] * torch.randn(x.shape, generator=torch.Generator().manual_seed(self.scheme.get("nseed", 0))))
        for l in range(s["layers"]): x = self.layer(l, x)
        return self.norm(x, W["output_norm"]) @ self.head.T


SCHEMES = {
    "gptq": dict(damp=0.01),
    "gptq-d1e-3": dict(damp=0.001),
    "gptq-w": dict(damp=0.01, acts=False),
    "rot12-gptq": dict(rotate="12", damp=0.01),
    "rot124-gptq": dict(rotate="124", damp=0.01),
    "rot124-gptq-2k": dict(rotate="124", damp=0.01, tokens=2048),
    "rot124-gptq-w": dict(rotate="124", damp=0.01, acts=False),

    "float": dict(weights=False, acts=False),
    "weights-only": dict(acts=False),
    "plain": dict(),
    "plain-n1": dict(noise=3e-7, nseed=1),
    "plain-n2": dict(noise=3e-7, nseed=2),
    "group64": dict(group=64),
    "group32": dict(group=32),
    "rot1": dict(rotate="1"),
    "rot12": dict(rotate="12"),
    "rot12-s2": dict(rotate="12", seed=2),
    "rot12-h": dict(rotate="12", random=False),
    "rot124": dict(rotate="124"),
    "rot124-s2": dict(rotate="124", seed=2),
    "rot124-b512": dict(rotate="124", block=512),
    "rot124-b64": dict(rotate="124", block=64),
    "rot12-d128": dict(rotate="12", groups={"ffn_down": 128}),
    "rot12-d64": dict(rotate="12", groups={"ffn_down": 64}),
    "rot4": dict(rotate="4"),
    "rot124-w": dict(rotate="124", acts=False),
    "rot12-g64": dict(rotate="12", group=64),
    "d128": dict(groups={"ffn_down": 128}),
    "keep4": dict(keep=4),
    "rot12-floatdown": dict(rotate="12", float_kinds=("ffn_down",)),
    "rot124-g64": dict(rotate="124", group=64),
    "rot124-d": dict(rotate="124", groups={"ffn_down": 128}),
    "rot124-floatdown": dict(rotate="124", float_kinds=("ffn_down",)),
    "rot124-floato": dict(rotate="124", float_kinds=("attn_output",)),
    "rot124-floatqkv": dict(rotate="124", float_kinds=("attn_q","attn_k","attn_v")),
    "rot124-floatgu": dict(rotate="124", float_kinds=("ffn_gate","ffn_up")),
    **{f"w-{k}{'-r' if r else ''}": dict(acts=False, only=(k,), rotate=r) for k in ("attn_q","attn_k","attn_v","attn_output","ffn_gate","ffn_up","ffn_down") for r in ("", "124")},
    "rot123-4": dict(rotate="1234"),
}


def main():
    sizes, tensors = load(sys.argv[1])
    ids = torch.tensor(json.load(open(sys.argv[2])))
    ids = ids[: len(ids) // 1024 * 1024].view(-1, 1024)
    names = sys.argv[4:] or list(SCHEMES)
    reference = None
    for name in ["float"] + [n for n in names if n != "float"]:
        t = time.time()
        model = Llama(sizes, tensors, SCHEMES[name])
        nll, agree, kls, count = 0.0, 0, [], 0
        logps = []
        for w in ids.split(1):
            lp = model(w)[0].log_softmax(-1)
            nll -= lp[:-1].gather(1, w[0, 1:, None]).double().sum().item(); count += w.shape[1] - 1
            logps.append(lp)
        if reference is None: reference = logps
        for a, b in zip(reference, logps):
            agree += (a.argmax(-1) == b.argmax(-1)).sum().item()
            kls.append((a.exp() * (a - b)).sum(-1))
        kl = torch.cat(kls)
        ppl = math.exp(nll / count)
        if name == "float": base = ppl
        print(f"{name:16} ppl {ppl:8.4f} {100 * (ppl / base - 1):+6.2f}%  KL {kl.mean():.5f} p99 {kl.quantile(.99):.4f}  top1 {agree / ids.numel():.4f}  {time.time() - t:.0f}s", flush=True)


if __name__ == "__main__": main()
