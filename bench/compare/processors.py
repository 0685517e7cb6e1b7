"""ConsistentID's attention, twice: as its repository computes it, and the fastest way PyTorch knows with the LoRA merged."""
import torch
import torch.nn.functional as F
from torch import nn

TOKENS = 4
RANK = 128


class Lora(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.down = nn.Linear(width, RANK, bias=False)
        self.up = nn.Linear(RANK, out, bias=False)

    def forward(self, x):
        return self.up(self.down(x))


class RepositoryProcessor(nn.Module):
    """JackAILab/ConsistentID, attention.py: a LoRA beside every projection; softmax(q k^T) as a matrix; the image tokens apart."""

    def __init__(self, hidden, context):
        super().__init__()
        inside = context or hidden
        self.to_q, self.to_k, self.to_v, self.to_out = Lora(hidden, hidden), Lora(inside, hidden), Lora(inside, hidden), Lora(hidden, hidden)
        if context:
            self.to_k_ip, self.to_v_ip = nn.Linear(context, hidden, bias=False), nn.Linear(context, hidden, bias=False)
        self.is_cross = bool(context)

    def forward(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        x = hidden_states
        context = encoder_hidden_states if self.is_cross else x
        text, image = (context[:, :-TOKENS], context[:, -TOKENS:]) if self.is_cross else (context, None)
        q = attn.head_to_batch_dim(attn.to_q(x) + self.to_q(x))
        k = attn.head_to_batch_dim(attn.to_k(text) + self.to_k(text))
        v = attn.head_to_batch_dim(attn.to_v(text) + self.to_v(text))
        y = attn.batch_to_head_dim(torch.bmm(attn.get_attention_scores(q, k, attention_mask), v))
        if self.is_cross:
            k, v = attn.head_to_batch_dim(self.to_k_ip(image)), attn.head_to_batch_dim(self.to_v_ip(image))
            y = y + attn.batch_to_head_dim(torch.bmm(attn.get_attention_scores(q, k, None), v))
        return attn.to_out[1](attn.to_out[0](y) + self.to_out(y))


class SdpaProcessor(nn.Module):
    """The same with merged LoRA and scaled_dot_product_attention."""

    def __init__(self, hidden, context):
        super().__init__()
        if context:
            self.to_k_ip, self.to_v_ip = nn.Linear(context, hidden, bias=False), nn.Linear(context, hidden, bias=False)
        self.is_cross = bool(context)

    def forward(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        x = hidden_states
        context = encoder_hidden_states if self.is_cross else x
        text, image = (context[:, :-TOKENS], context[:, -TOKENS:]) if self.is_cross else (context, None)
        split = lambda t: t.unflatten(2, (attn.heads, -1)).transpose(1, 2)
        q = split(attn.to_q(x))
        y = F.scaled_dot_product_attention(q, split(attn.to_k(text)), split(attn.to_v(text)))
        if self.is_cross:
            y = y + F.scaled_dot_product_attention(q, split(self.to_k_ip(image)), split(self.to_v_ip(image)))
        return attn.to_out[0](y.transpose(1, 2).flatten(2))


def processors(kind, unet):
    widths, dtype = unet.config.block_out_channels, unet.dtype

    def hidden(name):
        if name.startswith("mid_block"):
            return widths[-1]
        level = int(name.split(".")[1])
        return widths[level] if name.startswith("down_blocks") else widths[::-1][level]

    return {name: kind(hidden(name), 768 if "attn2" in name else None).to(dtype).eval() for name in unet.attn_processors}


def repository_processors(unet):
    return processors(RepositoryProcessor, unet)


def sdpa_processors(unet):
    return processors(SdpaProcessor, unet)
