"""Figures of whole modules, class weights, clipping and chained schedules, computed by PyTorch in float64 from float32-representable numbers.

make_figures.py OUT [SEED]: writes OUT/{modules,clipping,ops,schedules}/*.json; Tests/Golden/README.md describes the format.
"""
import json, os, sys
import torch, torch.nn as nn, torch.nn.functional as F

OUT, SEED = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.set_default_dtype(torch.float64)
torch.manual_seed(4321 + SEED)
g = torch.Generator().manual_seed(1234 + SEED)
D = (lambda n: n + 1) if SEED else (lambda n: n)  # other shapes for another seed


def rnd(*shape): return torch.randn(shape, generator=g).float().double()


def js(t):
    if t is None: return None
    d = {"shape": list(t.shape), "data": t.detach().flatten().tolist()}
    if not t.is_floating_point():
        d["int"] = True; d["data"] = [int(v) for v in d["data"]]
    return d


def save(kind, name, obj):
    os.makedirs(f"{OUT}/{kind}", exist_ok=True)
    json.dump(obj, open(f"{OUT}/{kind}/{name}.json", "w"))


def module(label, name, make, args, calls):
    """calls: (mode, inputs, run) with run(module, *inputs) -> tuple of outputs."""
    m = make(**args)
    with torch.no_grad():
        for p in m.parameters(): p.copy_((p + .1 * torch.randn(p.shape, generator=g)).float().double())
    initial, record = {k: js(v) for k, v in m.state_dict().items()}, []
    for mode, inputs, run in calls:
        m.train(mode == "train"); m.zero_grad()
        ins = [i.clone().requires_grad_() if i.is_floating_point() else i for i in inputs]
        outs = run(m, *ins)
        gos = [rnd(*o.shape) for o in outs]
        torch.autograd.backward(outs, gos)
        record.append(dict(mode=mode, inputs=[js(i) for i in ins], outputs=[js(o) for o in outs], grad_outputs=[js(o) for o in gos],
                           grads=[js(i.grad) if i.is_floating_point() else None for i in ins], param_grads={k: js(p.grad) for k, p in m.named_parameters() if p.grad is not None}))
    save("modules", label, dict(module=name, args=args, initial=initial, calls=record, final={k: js(v) for k, v in m.state_dict().items()}))


def plain(m, x): return (m(x),)


def recurrent(m, x, *state):
    out, last = m(x, state if len(state) == 2 else state[0]) if state else m(x)
    return (out, *last) if isinstance(last, tuple) else (out, last)


N, T = D(3), D(5)
for name, cls, states in (("LSTM", nn.LSTM, 2), ("GRU", nn.GRU, 1)):
    module(name.lower(), name, cls, dict(input_size=4, hidden_size=D(6)), [("train", [rnd(T, N, 4)], recurrent)])
    module(name.lower() + "_bidirectional", name, cls, dict(input_size=4, hidden_size=5, num_layers=2, batch_first=True, bidirectional=True),
           [("train", [rnd(N, T, 4), *(rnd(4, N, 5) for _ in range(states))], recurrent), ("eval", [rnd(N, T, 4)], recurrent)])
    module(name.lower() + "_no_bias", name, cls, dict(input_size=3, hidden_size=4, bias=False), [("train", [rnd(T, N, 3)], recurrent)])

E = 8
causal = lambda t: torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
module("mha_self", "MultiheadAttention", nn.MultiheadAttention, dict(embed_dim=E, num_heads=2), [("train", [rnd(T, N, E)], lambda m, x: (m(x, x, x, need_weights=False)[0],))])
module("mha_cross", "MultiheadAttention", nn.MultiheadAttention, dict(embed_dim=E, num_heads=4, batch_first=True),
       [("train", [rnd(N, T, E), rnd(N, T + 2, E), rnd(N, T + 2, E)], lambda m, q, k, v: (m(q, k, v, need_weights=False)[0],))])
module("mha_masks", "MultiheadAttention", nn.MultiheadAttention, dict(embed_dim=E, num_heads=2, batch_first=True),
       [("train", [rnd(N, T, E), (torch.arange(T)[None, :] >= torch.tensor([[T], [T - 1], [T - 2]] + [[T]] * (N - 3))).long(), causal(T).long()],
         lambda m, x, pad, mask: (m(x, x, x, key_padding_mask=pad.bool(), attn_mask=mask.bool(), need_weights=False)[0],))])
module("encoder_layer", "TransformerEncoderLayer", nn.TransformerEncoderLayer, dict(d_model=E, nhead=2, dim_feedforward=D(12), dropout=0.0), [("train", [rnd(T, N, E)], plain), ("eval", [rnd(T, N, E)], plain)])
module("encoder_layer_norm_first", "TransformerEncoderLayer", nn.TransformerEncoderLayer, dict(d_model=E, nhead=2, dim_feedforward=12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True),
       [("train", [rnd(N, T, E)], plain), ("train", [rnd(N, T, E), causal(T).long()], lambda m, x, mask: (m(x, src_mask=mask.bool()),))])

for label, name, cls, args, shape in (("batch_norm_1d", "BatchNorm1d", nn.BatchNorm1d, dict(num_features=4), (D(6), 4)), ("batch_norm_1d_length", "BatchNorm1d", nn.BatchNorm1d, dict(num_features=4, momentum=.3, eps=1e-3), (3, 4, D(5))),
                                      ("batch_norm_2d", "BatchNorm2d", nn.BatchNorm2d, dict(num_features=3), (2, 3, D(4), 5)), ("batch_norm_2d_average", "BatchNorm2d", nn.BatchNorm2d, dict(num_features=3, momentum=None, affine=False), (2, 3, 4, D(5))),
                                      ("batch_norm_untracked", "BatchNorm1d", nn.BatchNorm1d, dict(num_features=4, track_running_stats=False), (5, 4))):
    module(label, name, cls, args, [("train", [rnd(*shape)], plain) for _ in range(3)] + [("eval", [rnd(*shape)], plain)])

module("conv1d", "Conv1d", nn.Conv1d, dict(in_channels=4, out_channels=6, kernel_size=3, stride=2, padding=1, groups=2), [("train", [rnd(2, 4, D(9))], plain)])
module("conv2d", "Conv2d", nn.Conv2d, dict(in_channels=2, out_channels=4, kernel_size=3, padding=1, dilation=2, bias=False), [("train", [rnd(2, 2, D(7), 8)], plain)])
module("conv_transpose2d", "ConvTranspose2d", nn.ConvTranspose2d, dict(in_channels=3, out_channels=2, kernel_size=3, stride=2, padding=1, output_padding=1), [("train", [rnd(2, 3, D(4), 5)], plain)])
module("layer_norm", "LayerNorm", nn.LayerNorm, dict(normalized_shape=D(6)), [("train", [rnd(3, 4, D(6))], plain)])
module("rms_norm", "RMSNorm", nn.RMSNorm, dict(normalized_shape=D(6), eps=1e-6), [("train", [rnd(3, D(6))], plain)])
module("group_norm", "GroupNorm", nn.GroupNorm, dict(num_groups=2, num_channels=6), [("train", [rnd(2, 6, D(3), 2)], plain)])
module("embedding_padding", "Embedding", nn.Embedding, dict(num_embeddings=7, embedding_dim=D(4), padding_idx=2), [("train", [torch.randint(0, 7, (3, 5), generator=g)], plain)])
module("linear", "Linear", nn.Linear, dict(in_features=D(5), out_features=3), [("train", [rnd(2, 4, D(5))], plain)])


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.ln1, self.qkv, self.proj = heads, nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ln2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (p.view(n, t, self.heads, d // self.heads).transpose(1, 2) for p in self.qkv(self.ln1(x)).split(d, dim=2))
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class CharGpt(nn.Module):
    def __init__(self, vocabulary, context, layers, heads, width):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks, self.ln, self.head = nn.Sequential(*[GptBlock(width, heads) for _ in range(layers)]), nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, ids): return self.head(self.ln(self.blocks(self.tok(ids) + self.pos.weight[: ids.shape[1]])))


module("char_gpt", "CharGpt", CharGpt, dict(vocabulary=9, context=D(6), layers=2, heads=2, width=8), [("train", [torch.randint(0, 9, (3, D(6)), generator=g)], plain), ("eval", [torch.randint(0, 9, (2, 4), generator=g)], plain)])


def weighted(label, op, fn, x, y, w, **attrs):
    x = x.clone().requires_grad_(); out = fn(x, y, weight=w, **attrs); go = rnd(*out.shape); out.backward(go)
    save("ops", label, dict(op=op, attrs=attrs, inputs=[js(x), js(y), js(w)], output=js(out), grad_output=js(go), grads=[js(x.grad), None, None]))


C = D(5)
y, w = torch.randint(0, C, (D(7),), generator=g), rnd(C).abs() + .25
w = w.float().double()
for reduction in ("mean", "sum", "none"): weighted("cross_entropy_weights_" + reduction, "cross_entropy", F.cross_entropy, rnd(D(7), C), y, w, reduction=reduction)
weighted("cross_entropy_weights_smoothing_ignore", "cross_entropy", F.cross_entropy, rnd(D(7), C), y, w, label_smoothing=.2, ignore_index=1)
weighted("nll_loss_weights", "nll_loss", F.nll_loss, F.log_softmax(rnd(D(7), C), 1).float().double(), y, w)

for label, limit, scale in (("norm_clips", 1.0, 3.0), ("norm_is_below", 100.0, 1.0), ("value", .5, 1.0)):
    ps = [nn.Parameter(torch.zeros(s)) for s in ((D(40), 20), (5,), (2, 3, D(4)))]
    for p in ps: p.grad = (rnd(*p.shape) * scale).float().double()
    before, norm = [js(p.grad) for p in ps], None
    if label == "value": nn.utils.clip_grad_value_(ps, limit)
    else: norm = nn.utils.clip_grad_norm_(ps, limit).item()
    save("clipping", label, dict(clip="value" if label == "value" else "norm", max=limit, grads=before, norm=norm, after=[js(p.grad) for p in ps]))

S = torch.optim.lr_scheduler
part = lambda name, **kw: (name, kw)
for label, name, parts, milestones in (("sequential", "SequentialLR", [part("LinearLR", start_factor=.1, total_iters=D(5)), part("CosineAnnealingLR", T_max=12, eta_min=.001), part("ExponentialLR", gamma=.8)], [D(5), D(17)]),
                                       ("chained", "ChainedScheduler", [part("ConstantLR", factor=.4, total_iters=D(4)), part("ExponentialLR", gamma=.9), part("StepLR", step_size=7, gamma=.5)], None)):
    o = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=.1); inner = [getattr(S, n)(o, **kw) for n, kw in parts]; lrs = []
    s = S.SequentialLR(o, inner, milestones) if milestones else S.ChainedScheduler(inner, o)
    for _ in range(28): lrs.append(o.param_groups[0]["lr"]); o.step(); s.step()
    options = dict(schedulers=[dict(schedule=n, options=kw) for n, kw in parts])
    save("schedules", label, dict(schedule=name, options=dict(options, milestones=milestones) if milestones else options, base_lr=.1, lr=lrs))
