"""Figures of operations, settings and corners that the first set leaves out: ties and kinks, wide ranges, negative dimensions, empty tensors, rectangular windows, masks, reductions.

make_operation_figures.py OUT [SEED]: writes OUT/ops/*.json; Tests/Golden/README.md describes the format.
"""
import json, os, sys
import torch, torch.nn.functional as F

OUT, SEED = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.set_default_dtype(torch.float64)
g = torch.Generator().manual_seed(5678 + SEED)
D = (lambda n: n + 1) if SEED else (lambda n: n)  # other shapes for another seed


def rnd(*shape, scale=1.0): return (torch.randn(shape, generator=g) * scale).float().double()
def ints(hi, *shape): return torch.randint(0, hi, shape, generator=g)
def few(*shape): return (ints(5, *shape) - 2).double() / 2  # -1, -1/2, 0, 1/2, 1: many ties


def js(t):
    if t is None: return None
    d = {"shape": list(t.shape), "data": t.detach().flatten().tolist()}
    if not t.is_floating_point():
        d["int"] = True; d["data"] = [int(v) for v in d["data"]]
    return d


def op(label, name, fn, *inputs, **attrs):
    ins = [i.clone().requires_grad_() if i.is_floating_point() else i for i in inputs]
    out = fn(*ins)
    go = rnd(*out.shape)
    out.backward(go)
    os.makedirs(f"{OUT}/ops", exist_ok=True)
    json.dump(dict(op=name, attrs=attrs, inputs=[js(i) for i in ins], output=js(out), grad_output=js(go), grads=[js(i.grad) if i.is_floating_point() else None for i in ins]),
              open(f"{OUT}/ops/{label}.json", "w"))


a, b = D(3), D(4)
# Ties and kinks.
for n in ("amax", "amin"): op(n + "_ties", n, lambda x, n=n: getattr(torch, n)(x, dim=(0, 2), keepdim=True), few(a, b, 5), dim=[0, 2], keepdim=True)
for n in ("maximum", "minimum"): op(n + "_ties", n, getattr(torch, n), few(a, b, 5), few(b, 1))
for n in ("abs", "relu"): op(n + "_kink", n, getattr(torch, n), few(a, b))
op("clamp_kink", "clamp", lambda x: x.clamp(-.5, .5), few(a, b), min=-.5, max=.5); op("clamp_min", "clamp", lambda x: x.clamp(min=0), few(a, b), min=0)
op("hardtanh_kink", "hardtanh", lambda x: F.hardtanh(x, -.5, .5), few(a, b), min_val=-.5, max_val=.5); op("hardswish_steps", "hardswish", F.hardswish, few(a, b) * 4)  # not at 3: PyTorch's vector and scalar code differ there
op("leaky_relu_kink", "leaky_relu", F.leaky_relu, few(a, b)); op("max_pool2d_ties", "max_pool2d", lambda x: F.max_pool2d(x, 2), few(2, 3, 6, 6), kernel_size=2)
for n, kw in (("l1_loss", {}), ("huber_loss", dict(delta=.5)), ("smooth_l1_loss", dict(beta=.5))): op(n + "_kink", n, lambda x, y, n=n, kw=kw: getattr(F, n)(x, y, **kw), few(a, b), few(a, b), **kw)
# Wide ranges.
for n in ("gelu", "silu", "mish", "softplus", "logsigmoid", "elu"): op(n + "_wide", n, getattr(F, n), rnd(a, b, 6, scale=20))
for n in ("tanh", "sigmoid", "sin", "cos"): op(n + "_wide", n, getattr(torch, n), rnd(a, b, 6, scale=20))
op("softmax_wide", "softmax", lambda x: x.softmax(0), rnd(a, b, scale=100), dim=0); op("log_softmax_wide", "log_softmax", lambda x: x.log_softmax(-2), rnd(a, b, 3, scale=100), dim=-2)
op("logsumexp_wide", "logsumexp", lambda x: x.logsumexp(-1), rnd(a, b, scale=100), dim=-1, keepdim=False); op("pow_negative", "pow", lambda x: x.pow(-1.5), rnd(a, b).abs() + .5, exponent=-1.5)
op("pow_square", "pow", lambda x: x.pow(2), rnd(a, b), exponent=2); op("pow_tensor", "pow", torch.pow, (rnd(a, b).abs() + .5).float().double(), rnd(b))
op("bce_logits_wide", "binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, rnd(a, b, scale=30), ints(2, a, b).double())
# Dimensions.
op("var_biased", "var", lambda x: x.var((-1, 0), correction=0), rnd(a, b, 5), dim=[-1, 0], correction=0); op("std_negative_dim", "std", lambda x: x.std(-2, keepdim=True), rnd(a, b, 5), dim=-2, keepdim=True)
op("sum_negative_dims", "sum", lambda x: x.sum((-3, -1)), rnd(2, a, b), dim=[-3, -1]); op("mean_three_dims", "mean", lambda x: x.mean((0, 2, 3)), rnd(2, a, 4, 5), dim=[0, 2, 3])
op("prod_zeros", "prod", lambda x: x.prod(0), few(a, b, 2), dim=0); op("cumsum_last", "cumsum", lambda x: x.cumsum(-1), rnd(a, b, 5), dim=-1)
op("squeeze", "squeeze", lambda x: x.squeeze(), rnd(1, a, 1, b)); op("squeeze_dim", "squeeze", lambda x: x.squeeze(-2), rnd(1, a, 1, b), dim=-2)
op("unsqueeze", "unsqueeze", lambda x: x.unsqueeze(-2), rnd(a, b), dim=-2); op("flatten", "flatten", lambda x: x.flatten(1, -2), rnd(2, a, b, 3), start_dim=1, end_dim=-2)
op("reshape_inferred", "reshape", lambda x: x.reshape(2, -1), rnd(a, b, 2), shape=[2, -1]); op("expand_kept", "expand", lambda x: x.expand(2, -1, 5), rnd(a, 1), shape=[2, -1, 5])
op("permute_negative", "permute", lambda x: x.permute(-1, 0, -2), rnd(a, b, 5), dims=[-1, 0, -2]); op("transpose_negative", "transpose", lambda x: x.transpose(-1, -3), rnd(a, b, 5), dim0=-1, dim1=-3)
op("narrow_negative", "narrow", lambda x: x.narrow(-1, -2, 2), rnd(a, b), dim=-1, start=-2, length=2); op("select", "select", lambda x: x.select(1, -1), rnd(a, b, 5), dim=1, index=-1)
op("cat_three", "cat", lambda x, y, z: torch.cat((x, y, z), -2), rnd(a, 2, b), rnd(a, 0, b), rnd(a, 3, b), dim=-2); op("stack_last", "stack", lambda x, y: torch.stack((x, y), -1), rnd(a, b), rnd(a, b), dim=-1)
op("pad_three", "pad", lambda x: F.pad(x, (0, 1, 2, 0, 1, 1), value=1.5), rnd(a, b, 2), pad=[0, 1, 2, 0, 1, 1], value=1.5)
op("tril", "tril", lambda x: x.tril(-1), rnd(2, a, b), diagonal=-1); op("triu", "triu", lambda x: x.triu(1), rnd(2, a, b), diagonal=1)
op("empty_sum", "sum", lambda x: x.sum(0), rnd(0, b), dim=0); op("empty_matmul", "matmul", torch.matmul, rnd(a, 0), rnd(0, b)); op("scalar_mul", "mul", torch.mul, rnd(), rnd())
# Products.
op("bmm", "bmm", torch.bmm, rnd(2, a, b), rnd(2, b, 5)); op("matmul_both_broadcast", "matmul", torch.matmul, rnd(2, 1, a, b), rnd(3, b, 5)); op("matmul_one_matrix_left", "matmul", torch.matmul, rnd(a, b), rnd(2, b, 5))
op("matmul_vector_batch", "matmul", torch.matmul, rnd(b), rnd(2, b, 5)); op("matmul_batch_vector", "matmul", torch.matmul, rnd(2, a, b), rnd(b))
for i, (e, *s) in enumerate((("bhtd,bhsd->bhts", (2, 3, a, b), (2, 3, 5, b)), ("ij,jk->ki", (a, b), (b, 5)), ("abc,cd->abd", (2, a, b), (b, 5)), ("ij->j", (a, b)), ("abc,acd", (2, a, b), (2, b, 3)), ("i,j->ij", (a,), (b,)))):
    op(f"einsum_{i}", "einsum", lambda *x, e=e: torch.einsum(e, *x), *(rnd(*k) for k in s), equation=e)
# Choosing.
op("gather_last", "gather", lambda x, i: x.gather(-1, i), rnd(a, b, 5), ints(5, 2, b, 7), dim=-1); op("index_select_rows", "index_select", lambda x, i: x.index_select(0, i), rnd(a, b), ints(a, 9), dim=0)
op("embedding_padding", "embedding", lambda i, w: F.embedding(i, w, padding_idx=1), ints(4, a, b), rnd(4, 5), padding_idx=1)
op("scatter_add", "scatter_add", lambda x, i, s: x.scatter_add(1, i, s), rnd(a, b), ints(b, a, 6), rnd(a, 6), dim=1); op("topk", "topk", lambda x: x.topk(3, -1)[0], rnd(a, b, 6), k=3, dim=-1)
op("topk_smallest", "topk", lambda x: x.topk(2, 0, False)[0], rnd(a, b), k=2, dim=0, largest=False); op("sort", "sort", lambda x: x.sort(1, True)[0], rnd(a, b, 2), dim=1, descending=True)
op("where_broadcast", "where", lambda c, x, y: torch.where(c > 0, x, y), ints(2, a, 1), rnd(b), rnd()); op("masked_fill_broadcast", "masked_fill", lambda x, m: x.masked_fill(m > 0, 3.5), rnd(2, a, b), ints(2, b), value=3.5)
# Windows.
k = dict(stride=[2, 1], padding=[0, 2], dilation=[1, 2], groups=2); op("conv2d_rectangular", "conv2d", lambda x, w: F.conv2d(x, w, None, **k), rnd(2, 4, D(9), 8), rnd(6, 2, 2, 3), **k)
op("conv2d_pointwise", "conv2d", F.conv2d, rnd(2, 4, D(5), 6), rnd(7, 4, 1, 1), rnd(7)); k1 = dict(stride=1, padding=2, dilation=2, groups=3); op("conv1d_groups", "conv1d", lambda x, w: F.conv1d(x, w, None, **k1), rnd(2, 3, D(11)), rnd(6, 1, 3), **k1)
kt = dict(stride=[3, 2], padding=1, output_padding=[2, 1], dilation=[1, 2], groups=2); op("conv_transpose2d_rectangular", "conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, None, **kt), rnd(2, 4, D(4), 5), rnd(4, 3, 3, 2), **kt)
op("max_pool2d_rectangular", "max_pool2d", lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 0)), rnd(2, 3, D(8), 7), kernel_size=[3, 2], stride=[1, 2], padding=[1, 0])
op("avg_pool2d_padded", "avg_pool2d", lambda x: F.avg_pool2d(x, 3, 2, 1), rnd(2, 3, D(8), 7), kernel_size=3, stride=2, padding=1); op("adaptive_avg_pool2d_uneven", "adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (3, 2)), rnd(2, 3, D(8), 7), output_size=[3, 2])
# Normalization and attention.
op("layer_norm_two_dims", "layer_norm", lambda x, w, c: F.layer_norm(x, x.shape[-2:], w, c, 1e-3), rnd(2, a, b), rnd(a, b), rnd(a, b), normalized_shape=[a, b], eps=1e-3); op("layer_norm_plain", "layer_norm", lambda x: F.layer_norm(x, x.shape[-1:]), rnd(2, a, D(40)))
op("rms_norm_plain", "rms_norm", lambda x: F.rms_norm(x, x.shape[-1:], None, 1e-5), rnd(2, a, D(40)), eps=1e-5); op("group_norm_plain", "group_norm", lambda x: F.group_norm(x, 3), rnd(2, 6, D(4)), num_groups=3)
q, kk, v = rnd(2, 3, D(5), 4), rnd(2, 3, D(6), 4), rnd(2, 3, D(6), 4)
op("attention_lengths", "scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=.3), q, kk, v, is_causal=False, scale=.3)
op("attention_lengths_causal", "scaled_dot_product_attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, kk, v, is_causal=True)
m = ints(2, D(5), D(6)); m[:, 0] = 1
op("attention_mask", "scaled_dot_product_attention", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m > 0), q, kk, v, m)
# Losses.
x, y = rnd(2, 5, a, b), ints(5, 2, a, b)
op("cross_entropy_image", "cross_entropy", lambda x, y: F.cross_entropy(x, y, ignore_index=2, label_smoothing=.2), x, y, ignore_index=2, label_smoothing=.2); op("cross_entropy_none", "cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="none"), x, y, reduction="none")
op("cross_entropy_single", "cross_entropy", F.cross_entropy, rnd(D(5)), ints(5)); op("nll_loss_none", "nll_loss", lambda x, y: F.nll_loss(x, y, ignore_index=2, reduction="none"), x, y, ignore_index=2, reduction="none")
p, t = rnd(a, b), rnd(a, b)
for n in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"):
    for r in ("sum", "none"): op(f"{n}_{r}", n, lambda p, t, n=n, r=r: getattr(F, n)(p, t, reduction=r), p, t, reduction=r)
op("binary_cross_entropy", "binary_cross_entropy", F.binary_cross_entropy, torch.sigmoid(p).float().double(), torch.sigmoid(t).float().double()); op("kl_div_log_target", "kl_div", lambda p, t: F.kl_div(p, t, reduction="sum", log_target=True), p.log_softmax(1).float().double(), t.log_softmax(1).float().double(), reduction="sum", log_target=True)
op("kl_div_mean", "kl_div", lambda p, t: F.kl_div(p, t, reduction="mean"), p.log_softmax(1).float().double(), t.softmax(1).float().double(), reduction="mean")
# Copies, norms, steps.
op("repeat", "repeat", lambda x: x.repeat(2, 1, 3), rnd(a, b), repeats=[2, 1, 3]); op("flip", "flip", lambda x: x.flip(0, -1), rnd(a, b, 2), dims=[0, -1]); op("roll", "roll", lambda x: x.roll(-3, 1), rnd(a, b), shifts=-3, dims=1)
op("outer", "outer", torch.outer, rnd(a), rnd(b)); op("norm", "norm", lambda x: x.norm(), rnd(a, b)); z = rnd(a, b, 5); z[0, :, 0] = 0; op("norm_dims", "norm", lambda x: x.norm(dim=1), z, dim=1)
for n in ("sign", "floor", "ceil", "round"): op(n, n, getattr(torch, n), rnd(a, b, scale=3))
op("erf", "erf", torch.erf, rnd(a, b, scale=2))
# Soft and weighted targets; weights get no gradient.
def weighted(label, name, fn, x, t, *weights, **attrs):
    op(label, name, lambda x, t: fn(x, t, *weights), x, t, **attrs)
    d = json.load(open(f"{OUT}/ops/{label}.json")); d["inputs"] += [js(w) for w in weights]; d["grads"] += [None] * len(weights)
    json.dump(d, open(f"{OUT}/ops/{label}.json", "w"))


soft = rnd(2, 5, a).softmax(1).float().double()
weighted("cross_entropy_probabilities", "cross_entropy", F.cross_entropy, rnd(2, 5, a), soft)
weighted("cross_entropy_probabilities_weights", "cross_entropy", lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=.1, reduction="sum"), rnd(2, 5, a), soft, rnd(5).abs(), label_smoothing=.1, reduction="sum")
weighted("bce_logits_weights", "binary_cross_entropy_with_logits", lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=p), rnd(a, b, scale=5), rnd(a, b).sigmoid().float().double(), rnd(b).abs(), rnd(b).abs())
